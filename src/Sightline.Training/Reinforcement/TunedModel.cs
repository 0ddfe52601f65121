using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Models;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Text;
using Sightline.Training.Recipes;

namespace Sightline.Training.Reinforcement;

/// <summary>A vision-language model that is being tuned: the network, what of it is trained, and everything around it that turns problems into tokens.</summary>
public sealed class TunedModel : IDisposable
{
    private readonly PublishedModel<QwenVlModel> _loaded;
    private readonly LanguageModelRecipe _recipe;

    private TunedModel(LanguageModelRecipe recipe, PublishedModel<QwenVlModel> loaded, LoraAdapters? adapters, QwenVlProcessor processor, IReadOnlyList<int> stopTokens)
    {
        (_recipe, _loaded, Adapters, Processor, StopTokens) = (recipe, loaded, adapters, processor, stopTokens);
        Parameters = adapters is null ? loaded.Parameters.All : [.. adapters.Parameters];
        Vocabulary = processor.Tokenizer is BytePairTokenizer tokenizer
            ? TokenVocabulary.Of(tokenizer)
            : throw new SightlineException(ErrorKind.BadModel, "the tokenizer is not a byte-level one: use the tokenizer files as published with the model");
    }

    /// <summary>The network.</summary>
    public QwenVlModel Network => _loaded.Model;

    /// <summary>The adapters that are trained, or null where the weights are.</summary>
    public LoraAdapters? Adapters { get; }

    /// <summary>What can be trained.</summary>
    public IReadOnlyList<Parameter> Parameters { get; }

    /// <summary>Paths of everything that the network has, whether it can be trained or not.</summary>
    public IEnumerable<string> Paths => _loaded.Parameters.Wanted.Select(wanted => wanted.Name);

    /// <summary>Bytes of all weights, frozen ones included.</summary>
    public long Bytes => _loaded.Parameters.Bytes + (Adapters?.Parameters.Sum(parameter => parameter.Value.Bytes) ?? 0);

    /// <summary>Tokenizer, chat template, pictures to patches.</summary>
    public QwenVlProcessor Processor { get; }

    /// <summary>Tokens that end an answer; the first is the one that supervised answers end with.</summary>
    public IReadOnlyList<int> StopTokens { get; }

    /// <summary>The bytes of tokens.</summary>
    public TokenVocabulary Vocabulary { get; }

    /// <summary>Whether anything of the vision tower is trained now: its pictures then have to be encoded with a tape.</summary>
    public bool TrainsVision => Parameters.Any(parameter => parameter.Value.RequiresGrad && parameter.Path.StartsWith("visual.", StringComparison.Ordinal));

    /// <summary>Opens the model of a recipe.</summary>
    /// <param name="recipe">Which, and what of it is trained.</param>
    /// <param name="seed">Of fresh adapters.</param>
    /// <exception cref="SightlineException">NotFound, BadModel, or BadRecipe: no layer has the name of a target.</exception>
    public static TunedModel Open(LanguageModelRecipe recipe, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        using var folder = HuggingFaceFolder.Open(recipe.Checkpoint);
        var processor = QwenVlProcessor.Load(folder.Path);
        if (recipe.MinimumPixels is not null || recipe.MaximumPixels is not null)
        {
            var most = recipe.MaximumPixels ?? processor.Images.MaxPixels;
            processor = processor.WithPixels(recipe.MinimumPixels ?? Math.Min(processor.Images.MinPixels, most), most);
        }

        var stops = GenerationDefaults.Load(folder).StopTokens;
        if (processor.Tokenizer.FindId("<|im_end|>") is { } end) stops = [end, .. stops.Where(stop => stop != end)];
        if (stops.Count == 0) throw new SightlineException(ErrorKind.BadModel, $"{folder.Path} says of no token that it ends an answer (eos_token_id in generation_config.json)");
        if (recipe.Adapters is null && recipe.AdaptersFrom is null) return new TunedModel(recipe, QwenVlModel.LoadForTraining(folder.Path), null, processor, stops);
        var adapters = Adapt(recipe, seed);
        try
        {
            var loaded = QwenVlModel.Load(folder.Path, WeightPlan.Parse(recipe.Weights), adapters: adapters);
            if (adapters.Layers.Count == 0)
            {
                loaded.Dispose();
                throw new SightlineException(ErrorKind.BadRecipe, $"model.adapters: no layer of {recipe.Checkpoint} ends with {string.Join(" or ", adapters.Options.Targets)} below {string.Join(" or ", adapters.Options.Parts)}");
            }

            return new TunedModel(recipe, loaded, adapters, processor, stops);
        }
        catch
        {
            adapters.Dispose();
            throw;
        }
    }

    /// <summary>Lets the language model compute in bfloat16 until disposed; or changes nothing. What is sampled meanwhile would be float32 in a cache, so nothing is.</summary>
    internal RoundedStates Round(bool toBFloat16) => new(Network, toBFloat16);

    /// <summary>Writes what was trained: the adapters in PEFT's layout, or the whole model.</summary>
    public void Save(string folder)
    {
        if (Adapters is not null) AdapterFolder.Save(folder, Adapters, _recipe.Checkpoint);
        else TunedWeights.Save(_recipe.Checkpoint, _loaded.Parameters, folder);
    }

    /// <summary>Frees weights and adapters.</summary>
    public void Dispose()
    {
        _loaded.Dispose();
        Adapters?.Dispose();
    }

    private static LoraAdapters Adapt(LanguageModelRecipe recipe, ulong seed)
    {
        if (recipe.AdaptersFrom is null) return LoraAdapters.Create(recipe.Adapters!.ToOptions(), seed);
        using var stored = AdapterFolder.Open(recipe.AdaptersFrom);
        // read into memory: the run may last longer than the folder
        var adapters = stored.Load();
        using var probe = QwenVlModel.Load(recipe.Checkpoint, WeightPlan.AsStored, adapters: adapters);
        stored.RequireUsed(adapters);
        return adapters;
    }

    /// <summary>States of 16 bits for as long as this is not disposed.</summary>
    internal readonly ref struct RoundedStates : IDisposable
    {
        private readonly QwenVlModel _network;

        public RoundedStates(QwenVlModel network, bool toBFloat16)
        {
            _network = network;
            if (toBFloat16) network.Text.StateType = DType.BFloat16;
        }

        public void Dispose() => _network.Text.StateType = DType.Float32;
    }
}
