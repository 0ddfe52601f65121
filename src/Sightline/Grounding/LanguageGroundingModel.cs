using Sightline.Checkpoints;
using Sightline.Generation;
using Sightline.Generation.Constraints;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Models;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Text;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>
/// Answers phrases with a vision-language model: a question from a prompt template, the picture, an answer token by token, and what it says of boxes, points
/// or names. The questions of a call share the picture's encoding and run together.
/// </summary>
public sealed class LanguageGroundingModel : IConversingModel
{
    /// <summary>Tokens that a context must leave for an answer, where fewer were not asked for: a box with its label.</summary>
    private const int LeastAnswer = 64;
    private const int KeptConstraints = 8;

    private readonly ILanguageModel _model;
    private readonly QwenVlProcessor _processor;
    private readonly IReadOnlyList<int> _stopTokens;
    private readonly GenerationOptions _generation;
    private readonly IDisposable? _owned;
    private readonly TokenVocabulary _vocabulary;
    private readonly Dictionary<(PromptTemplate, string), AnswerConstraint> _constraints = [];
    private GenerationEngine? _engine;
    private int _cacheTokens;

    /// <summary>Of a model at hand, which stays the caller's.</summary>
    /// <param name="model">The network.</param>
    /// <param name="processor">Its tokenizer, template and picture settings.</param>
    /// <param name="stopTokens">Tokens that end an answer.</param>
    /// <param name="generation">How much at once; the cache grows where a prompt needs more.</param>
    /// <exception cref="SightlineException">BadModel: the vocabulary is not one of bytes.</exception>
    public LanguageGroundingModel(ILanguageModel model, QwenVlProcessor processor, IReadOnlyList<int> stopTokens, GenerationOptions? generation = null)
        : this(model, processor, stopTokens, generation, owned: null)
    {
    }

    private LanguageGroundingModel(ILanguageModel model, QwenVlProcessor processor, IReadOnlyList<int> stopTokens, GenerationOptions? generation, IDisposable? owned)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(processor);
        (_model, _processor, _stopTokens, _generation, _owned) = (model, processor, stopTokens, generation ?? new GenerationOptions(), owned);
        _vocabulary = processor.Tokenizer is BytePairTokenizer tokenizer
            ? TokenVocabulary.Of(tokenizer)
            : throw new SightlineException(ErrorKind.BadModel, "the tokenizer is not a byte-level one: use the tokenizer files as published with the model");
        Description = $"{processor.ModelType} with {model.Sizes.Layers} layers of {model.Sizes.Channels} channels";
    }

    /// <inheritdoc/>
    public string Description { get; private init; }

    /// <summary>Opens a folder of Qwen2-VL, Qwen2.5-VL or Qwen3-VL.</summary>
    /// <param name="path">The folder, or the name of a pulled model.</param>
    /// <param name="weights">How weights are kept; as they are stored when null.</param>
    /// <param name="generation">How much at once.</param>
    /// <param name="cancellation">Noticed between two matrices that are converted or quantized.</param>
    /// <exception cref="SightlineException">NotFound, or BadModel: a file is missing or damaged, or it is another architecture.</exception>
    public static LanguageGroundingModel Load(string path, WeightPlan? weights = null, GenerationOptions? generation = null, CancellationToken cancellation = default)
    {
        using var folder = HuggingFaceFolder.Open(path);
        var processor = QwenVlProcessor.Load(folder.Path); // before the weights: small files, and what is commonly missing
        var stops = GenerationDefaults.Load(folder).StopTokens;
        if (stops.Count == 0 && processor.Tokenizer.FindId("<|im_end|>") is { } end) stops = [end];
        var loaded = QwenVlModel.Load(folder.Path, weights, cancellation: cancellation);
        try
        {
            return new LanguageGroundingModel(loaded.Model, processor, stops, generation, loaded) { Description = Describe(loaded, processor.ModelType) };
        }
        catch
        {
            loaded.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public GroundingResult Ground(Picture picture, IReadOnlyList<string> phrases, GroundingOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(phrases);
        ArgumentNullException.ThrowIfNull(options);
        var language = options.Language;
        var template = Template(options);
        var questions = LanguageQuestion.Of(template, phrases, language.Values);
        var images = Images(language);
        var fitted = images.Fit(picture);
        var frame = template.Frame ?? _processor.FrameOf(fitted);
        QwenPicture[] shown = [.. language.Context.Select(images.Fit), fitted];
        // all that can be wrong with a question is found before the picture is encoded
        var prompts = questions.Select(question => Prompt(Shown(question.Messages, language.Context.Count), shown, language)).ToArray();
        PicturePatches[] patches = [.. shown.Select(images.ToPatches)];
        var requests = new GenerationRequest[questions.Count];
        for (var i = 0; i < requests.Length; i++)
            requests[i] = Request(prompts[i], patches, language, language.IsConstrained ? Constraint(template, questions[i].Phrases, frame, options.MaximumDetections) : null, cancellationToken);
        var results = Generate(requests, language.Progress, cancellationToken);
        return new LanguageAnswers(picture, template, frame, options).Read(questions, results);
    }

    /// <inheritdoc/>
    public ConversationAnswer Converse(IReadOnlyList<ChatMessage> messages, IReadOnlyList<Picture> pictures, LanguageOptions options, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        ArgumentNullException.ThrowIfNull(options);
        if (options.AnsweredPicture is { } answered && (answered < 0 || answered >= pictures.Count))
            throw new SightlineException(ErrorKind.Usage, $"{nameof(options.AnsweredPicture)} is {answered}, and the conversation has {pictures.Count} pictures: count them from 0");
        if (options.Context.Count > 0) throw new SightlineException(ErrorKind.Usage, $"a conversation has its pictures in its messages: leave {nameof(options.Context)} empty");
        var images = Images(options);
        QwenPicture[] fitted = [.. pictures.Select(images.Fit)];
        var prompt = Prompt(messages, fitted, options);
        var result = Generate([Request(prompt, [.. fitted.Select(images.ToPatches)], options, constraint: null, cancellationToken)], options.Progress, cancellationToken)[0];
        return new ConversationAnswers(pictures, [.. fitted.Select(_processor.FrameOf)], options.AnsweredPicture).Read(result);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _engine?.Dispose();
        _engine = null;
        _owned?.Dispose();
    }

    private static string Describe(PublishedModel<QwenVlModel> loaded, string modelType)
    {
        var name = modelType switch { "qwen2_vl" => "Qwen2-VL", "qwen2_5_vl" => "Qwen2.5-VL", _ => "Qwen3-VL" };
        var count = loaded.Parameters.Count;
        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{name}, {(count >= 1e9 ? $"{count / 1e9:0.0} G" : $"{count / 1e6:0.0} M")} parameters");
    }

    private PromptTemplate Template(GroundingOptions options)
    {
        if (options.Language.Prompt is not { } name) return PromptLibrary.For(options.Task, _processor.ModelType);
        var template = PromptLibrary.Get(name);
        var kind = new PromptTemplate("", 1, options.Task, "").Kind;
        return template.Kind == kind
            ? template
            : throw new SightlineException(ErrorKind.Usage, $"the prompt {template.Id} asks for {template.Kind.ToString().ToLowerInvariant()}, but {kind.ToString().ToLowerInvariant()} are wanted: name a prompt for {options.Task.ToString().ToLowerInvariant()}");
    }

    private QwenImageProcessor Images(LanguageOptions language) =>
        language.MaxPixels is { } most ? _processor.Images.WithPixels(Math.Min(_processor.Images.MinPixels, most), most) : _processor.Images;

    /// <summary>The question with more pictures before its own.</summary>
    private static IReadOnlyList<ChatMessage> Shown(IReadOnlyList<ChatMessage> question, int context) =>
        context == 0 ? question : [.. question.SkipLast(1), new ChatMessage(question[^1].Role, [.. Enumerable.Repeat(ChatPart.Image, context), .. question[^1].Parts])];

    private QwenPrompt Prompt(IReadOnlyList<ChatMessage> messages, IReadOnlyList<QwenPicture> pictures, LanguageOptions language)
    {
        var prompt = _processor.Assemble(_processor.Template.Render(messages, addVisionId: language.NumberPictures), pictures);
        prompt.RequireFits(_model.Sizes.ContextLength, Math.Min(language.MaxTokens, LeastAnswer));
        return prompt;
    }

    private GenerationRequest Request(QwenPrompt prompt, IReadOnlyList<PicturePatches> pictures, LanguageOptions language, AnswerConstraint? constraint, CancellationToken cancellation) => new()
    {
        Prompt = prompt.Ids,
        Pictures = pictures,
        MaxTokens = language.MaxTokens,
        Sampling = language.Sampling,
        StopTokens = _stopTokens,
        StopTexts = language.StopTexts,
        Constraint = constraint,
        Cancellation = cancellation,
    };

    private AnswerConstraint Constraint(PromptTemplate template, IReadOnlyList<string> phrases, CoordinateFrame frame, int most)
    {
        var key = (template, $"{frame}\n{most}\n{string.Join('\n', phrases)}");
        if (_constraints.TryGetValue(key, out var constraint)) return constraint;
        constraint = new AnswerConstraint(PromptGrammars.Of(template, phrases, frame, _processor.Tokenizer, most), _vocabulary);
        if (_constraints.Count == KeptConstraints) _constraints.Clear();
        _constraints.Add(key, constraint);
        return constraint;
    }

    private GenerationResult[] Generate(IReadOnlyList<GenerationRequest> requests, IProgress<GroundingProgress>? progress, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        var engine = Engine(requests);
        try
        {
            GenerationTicket[] tickets = [.. requests.Select((request, i) => engine.Submit(request, progress is null ? null : token => progress.Report(new GroundingProgress(i, token.Index + 1, token.Text))))];
            while (engine.Step())
            {
            }

            cancellation.ThrowIfCancellationRequested();
            return [.. tickets.Select(ticket => ticket.Result!)];
        }
        catch (OutOfMemoryException error)
        {
            engine.CancelAll();
            var tokens = requests.Max(request => request.Prompt.Length);
            throw new SightlineException(ErrorKind.OutOfMemory, $"there is not enough memory for a prompt of {tokens} tokens, pictures included ({error.Message}): show the model fewer pixels (--max-pixels, LanguageOptions.MaxPixels)", error);
        }
        catch
        {
            engine.CancelAll(); // what was submitted before the one that was refused
            throw;
        }
    }

    /// <summary>The engine, with a cache that holds the longest of these requests at least.</summary>
    private GenerationEngine Engine(IReadOnlyList<GenerationRequest> requests)
    {
        var needed = requests.Max(request =>
            KeyValuePages.For(request.Prompt.Length) + KeyValuePages.For(Math.Max(0, Math.Min(request.MaxTokens, _model.Sizes.ContextLength - request.Prompt.Length)))) * KeyValuePages.Size;
        if (_engine is not null && needed <= _cacheTokens) return _engine;
        _engine?.Dispose();
        _engine = null;
        try
        {
            _cacheTokens = Math.Max(needed, _generation.CacheTokens);
            return _engine = new GenerationEngine(_model, _generation with { CacheTokens = _cacheTokens }, _vocabulary);
        }
        catch (OutOfMemoryException error)
        {
            throw new SightlineException(ErrorKind.OutOfMemory, $"there is not enough memory for the keys and values of {_cacheTokens} tokens ({error.Message}): show the model fewer pixels (--max-pixels, LanguageOptions.MaxPixels) or ask for shorter answers (--max-tokens, LanguageOptions.MaxTokens)", error);
        }
    }
}
