using Sightline.Checkpoints;
using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;
using Sightline.Text;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>Answers phrases with a <see cref="FusionModel"/>. The features of known phrases are kept.</summary>
public sealed class FusionGroundingModel(FusionModel model, FusionProcessor processor, bool ownsModel = true) : IGroundingModel
{
    private const int MostKnownPhrases = 1024;
    private readonly Dictionary<string, Tensor> _known = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public string Description =>
        $"fusion grounding model, {model.Parameters.Count / 1e6:0.0} M parameters, canvas {model.Config.ImageSize} x {model.Config.ImageSize}";

    // rounded, too, these few layers double what int8 costs: 0.5 in the place of 0.3 points of AP on playing cards
    internal static WeightPlan Plan(QuantizedFormat format) => WeightPlan.Quantized(format, "head", "phrase_projection", "decoder", "presence");

    /// <summary>Loads config, weights and tokenizer of a model folder.</summary>
    public static FusionGroundingModel Load(HuggingFaceFolder folder, QuantizedFormat? quantization = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Load(folder, quantization is { } format ? Plan(format) : null);
    }

    /// <summary>As <see cref="Load(HuggingFaceFolder, QuantizedFormat?)"/>, with the format of each linear layer.</summary>
    internal static FusionGroundingModel Load(HuggingFaceFolder folder, WeightPlan? plan)
    {
        var config = FusionFolder.ReadConfig(folder);
        using var checkpoint = folder.OpenCheckpoint();
        var parameters = ParameterStore.From(new CheckpointParameters(checkpoint), linears: plan);
        try
        {
            var model = new FusionModel(config, parameters);
            parameters.RequireComplete(folder.Path);
            var tokenizer = Tokenizer.Load(folder.Path);
            if (tokenizer.VocabularySize > config.VocabSize)
                throw new SightlineException(ErrorKind.BadModel, $"{folder.Path}: the tokenizer has {tokenizer.VocabularySize} entries, config.json has a vocab_size of {config.VocabSize}; the two do not belong together");
            return new FusionGroundingModel(model, new FusionProcessor(config, tokenizer));
        }
        catch
        {
            parameters.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public GroundingResult Ground(Picture picture, IReadOnlyList<string> phrases, GroundingOptions options, CancellationToken cancellationToken)
    {
        Check(phrases, options);
        using var scope = TensorScope.Open();
        using var noGrad = Tape.NoGrad();
        // before anything is collected: what this call uses must not be forgotten in its middle
        if (_known.Count + phrases.Count > MostKnownPhrases) ForgetPhrases();
        var canvas = processor.Fit(picture);
        var image = model.EncodeImage(processor.ToTensor([canvas]));
        var answers = new List<PhraseAnswer>(phrases.Count);
        foreach (var asked in phrases.Chunk(Math.Max(1, options.PhrasesTogether)))
        {
            using var pass = TensorScope.Open();
            cancellationToken.ThrowIfCancellationRequested();
            var words = asked.Select(EncodePhrase).ToArray();
            var text = words.Length == 1 ? words[0] : Op.Concat(0, words);
            var output = model.Ground(image, text, [.. words.Select(w => w.Shape[0])], [asked.Length]);
            cancellationToken.ThrowIfCancellationRequested();
            answers.AddRange(FusionAnswers.Read(output, 0, canvas, asked, options).Select(answer => answer with { IgnoredWordPieces = processor.IgnoredWordPieces(answer.Phrase) }));
        }

        return For(options.Task, new GroundingResult(picture, answers));
    }

    /// <summary>Forgets the features of known phrases; needed after the weights have changed.</summary>
    public void ForgetPhrases()
    {
        foreach (var words in _known.Values) words.Dispose();
        _known.Clear();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        ForgetPhrases();
        if (ownsModel) model.Dispose();
    }

    private static void Check(IReadOnlyList<string> phrases, GroundingOptions options)
    {
        if (options.Task == GroundingTask.Caption) throw new SightlineException(ErrorKind.Usage, "this model finds phrases and cannot tell which words of a caption name objects: give the phrases one by one, or a vision-language model");
        if (phrases.Count == 0) throw new SightlineException(ErrorKind.Usage, "this model chooses among names and needs some to choose from: give the names that the picture may show");
        if (options.Language.Prompt is { } prompt) throw new SightlineException(ErrorKind.Usage, $"this model reads phrases and takes no prompt, but '{prompt}' was given: leave it out, or use a vision-language model");
        if (options.Language.Context.Count > 0) throw new SightlineException(ErrorKind.Usage, "this model looks at one picture at a time, but others were given to go before it: leave them out, or use a vision-language model");
    }

    private static GroundingResult For(GroundingTask task, GroundingResult result)
    {
        if (task == GroundingTask.Pointing)
            return new GroundingResult(result.Picture, [.. result.Answers.Select(answer => answer with { Points = [.. answer.Detections.Select(Center)] })]);
        if (task != GroundingTask.Classification || result.Answers.MaxBy(answer => answer.Presence) is not { } best) return result;
        return result with { Label = best.Phrase, LabelScore = best.Presence };

        static FoundPoint Center(Detection found) => new(found.Phrase, found.Box.CenterX, found.Box.CenterY, found.Box.Frame, found.Score);
    }

    /// <summary>The features of the words of a phrase, [T, C], from memory where it was asked before. They stay this model's.</summary>
    internal Tensor EncodePhrase(string phrase)
    {
        if (_known.TryGetValue(phrase, out var words)) return words;
        words = model.EncodeText(processor.ToTensors([[phrase]])).AsParameter(requiresGrad: false);
        _known[phrase] = words;
        return words;
    }
}
