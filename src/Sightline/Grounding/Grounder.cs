using Sightline.Checkpoints;
using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors.Quantized;
using Sightline.Text;
using Sightline.Text.Prompts;

namespace Sightline.Grounding;

/// <summary>
/// Give it a picture and words, it gives boxes. Load once, use from any thread; calls run one after the other, each on all
/// processors.
/// </summary>
/// <example><code>
/// using var grounder = Grounder.Load("models/nano");
/// var result = await grounder.GroundAsync("street.jpg", "the bus on the left", cancellationToken);
/// </code></example>
public sealed class Grounder : IDisposable
{
    private readonly IGroundingModel _model;
    private readonly SemaphoreSlim _gate = new(1, 1);

    private readonly bool _owns;
    private bool _disposed;

    private Grounder(IGroundingModel model, bool owns) => (_model, _owns) = (model, owns);

    /// <summary>What the model is, for people: architecture, sizes, parameters.</summary>
    public string Description => _model.Description;

    /// <summary>Loads a model folder; the kind of model is read from its <c>config.json</c>.</summary>
    /// <param name="folder">The model folder.</param>
    /// <param name="quantization">Quantize the linear layers while loading: less work a picture for a little precision.</param>
    /// <exception cref="SightlineException">The folder is missing, holds another kind of model, or a file in it is damaged.</exception>
    public static Grounder Load(string folder, QuantizedFormat? quantization = null)
    {
        ArgumentNullException.ThrowIfNull(folder);
        if (string.IsNullOrWhiteSpace(folder)) throw new SightlineException(ErrorKind.Usage, "the name of the model folder is empty: give a folder such as models/nano");
        using var source = HuggingFaceFolder.Open(folder);
        return source.ModelType switch
        {
            FusionConfig.ModelType => new Grounder(FusionGroundingModel.Load(source, quantization), owns: true),
            var type when QwenVlConfig.ModelTypes.Contains(type) => new Grounder(
                LanguageGroundingModel.Load(source.Path, quantization is { } format ? WeightPlan.Quantized(format) : null), owns: true),
            var other => throw Unknown(folder, other),
        };
    }

    /// <summary>As <see cref="Load(string, QuantizedFormat?)"/>, with the format of each matrix.</summary>
    /// <param name="folder">The model folder, or the name of a pulled model.</param>
    /// <param name="weights">How weights are kept. The fusion model takes one format for all: as stored, int8 or int4.</param>
    /// <param name="cancellationToken">Stops between two matrices that are converted or quantized.</param>
    /// <exception cref="SightlineException">The folder is missing, holds another kind of model, or a file in it is damaged; Usage: weights that this model cannot be kept in.</exception>
    public static Grounder Load(string folder, WeightPlan weights, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        using var source = HuggingFaceFolder.Open(folder);
        if (QwenVlConfig.ModelTypes.Contains(source.ModelType)) return new Grounder(LanguageGroundingModel.Load(source.Path, weights, cancellation: cancellationToken), owns: true);
        if (source.ModelType != FusionConfig.ModelType) throw Unknown(folder, source.ModelType);
        return weights switch
        {
            { Format: WeightFormat.AsStored, Exceptions.Count: 0 } => Load(folder),
            { Format: WeightFormat.Int8, Exceptions.Count: 0 } => Load(folder, QuantizedFormat.Int8),
            { Format: WeightFormat.Int4, Exceptions.Count: 0 } => Load(folder, QuantizedFormat.Int4),
            _ => throw new SightlineException(ErrorKind.Usage, $"{folder}: weights of a '{FusionConfig.ModelType}' model are kept as stored, in int8 or in int4, all alike; leave the other choice to vision-language models"),
        };
    }

    /// <summary>A model with one quantized matrix, all others as they are stored: to see what that one costs.</summary>
    internal static Grounder LoadWithOneLayer(string folder, string path, WeightFormat format)
    {
        using var source = HuggingFaceFolder.Open(folder);
        var plan = new WeightPlan(WeightFormat.AsStored, (path, format));
        return new Grounder(
            source.ModelType == FusionConfig.ModelType ? FusionGroundingModel.Load(source, plan) : LanguageGroundingModel.Load(source.Path, plan),
            owns: true);
    }

    /// <summary>Wraps a model at hand, such as one in training. The model stays the caller's.</summary>
    public static Grounder For(IGroundingModel model) => new(model, owns: false);

    /// <summary>Finds one phrase in a picture file.</summary>
    /// <param name="picturePath">A JPEG, PNG, WebP, TIFF, GIF or BMP file.</param>
    /// <param name="phrase">What to look for: a class ("platelet") or an expression ("the platelet left of the white cell").</param>
    /// <param name="cancellationToken">Stops the work between two steps of the model.</param>
    /// <exception cref="SightlineException">The picture cannot be read or the phrase is empty.</exception>
    public Task<GroundingResult> GroundAsync(string picturePath, string phrase, CancellationToken cancellationToken = default) =>
        GroundAsync(picturePath, [phrase], null, cancellationToken);

    /// <summary>Finds several phrases in a picture file, in one pass.</summary>
    public async Task<GroundingResult> GroundAsync(string picturePath, IReadOnlyList<string> phrases, GroundingOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(phrases, options);
        var picture = await Task.Run(() => Picture.Load(picturePath), cancellationToken).ConfigureAwait(false);
        return await GroundAsync(picture, phrases, options, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Finds several phrases in a picture in memory (see <see cref="Picture.FromPixels"/>), in one pass.</summary>
    public async Task<GroundingResult> GroundAsync(Picture picture, IReadOnlyList<string> phrases, GroundingOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(phrases, options);
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await Task.Run(() => _model.Ground(picture, phrases, options ?? new GroundingOptions(), cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Whether the model takes conversations (<see cref="ConverseAsync"/>): a vision-language model.</summary>
    public bool CanConverse => _model is IConversingModel;

    /// <summary>Continues a conversation with a vision-language model, without a template of ours.</summary>
    /// <param name="messages">The messages; each <see cref="ChatPart.Image"/> takes the next picture.</param>
    /// <param name="pictures">The pictures, in the order of their places.</param>
    /// <param name="options">How tokens are chosen and how many; prompt and constraint do not apply.</param>
    /// <param name="cancellationToken">Stops the work within a token.</param>
    /// <exception cref="SightlineException">Usage: the model takes no conversations, or the conversation does not fit it.</exception>
    public async Task<ConversationAnswer> ConverseAsync(IReadOnlyList<ChatMessage> messages, IReadOnlyList<Picture> pictures, LanguageOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (_model is not IConversingModel model) throw new SightlineException(ErrorKind.Usage, "this model finds phrases and takes no conversations: use a vision-language model");
        await _gate.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return await Task.Run(() => model.Converse(messages, pictures, options ?? new LanguageOptions(), cancellationToken), cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>As the asynchronous form, on the calling thread.</summary>
    public GroundingResult Ground(Picture picture, IReadOnlyList<string> phrases, GroundingOptions? options = null, CancellationToken cancellationToken = default)
    {
        Check(phrases, options);
        _gate.Wait(cancellationToken);
        try
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            return _model.Ground(picture, phrases, options ?? new GroundingOptions(), cancellationToken);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Waits for a call in progress, then frees the model that Load made.</summary>
    public void Dispose()
    {
        _gate.Wait();
        try
        {
            if (!_disposed && _owns) _model.Dispose();
            _disposed = true;
        }
        finally
        {
            _gate.Release();
        }
    }

    private static SightlineException Unknown(string folder, string type) => new(
        ErrorKind.BadModel, $"{folder}: the architecture '{type}' cannot ground phrases; known are '{FusionConfig.ModelType}', '{string.Join("', '", QwenVlConfig.ModelTypes)}'");

    private static void Check(IReadOnlyList<string> phrases, GroundingOptions? options)
    {
        ArgumentNullException.ThrowIfNull(phrases);
        if (phrases.Count == 0 && options?.Task != GroundingTask.Classification) throw new SightlineException(ErrorKind.Usage, "no phrase was given: say what to look for");
        for (var i = 0; i < phrases.Count; i++)
        {
            if (string.IsNullOrWhiteSpace(phrases[i])) throw new SightlineException(ErrorKind.Usage, $"phrase {i + 1} of {phrases.Count} is empty: say what to look for");
        }
    }
}
