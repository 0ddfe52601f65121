using Sightline.Checkpoints;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Text;

namespace Sightline.Models.QwenVl;

/// <summary>
/// Everything around a Qwen-VL network that is not arithmetic: tokenizer, chat template, pictures to patches, and the coordinate frame
/// in which the model speaks. Used alike by training, evaluation, serving and <c>verify</c>.
/// </summary>
public sealed class QwenVlProcessor
{
    /// <summary>The token that stands for a piece of a picture.</summary>
    public const string ImageToken = "<|image_pad|>";

    private readonly int _imageTokenId;

    /// <summary>Puts the parts together; <see cref="Load"/> does so from a folder.</summary>
    /// <exception cref="SightlineException">BadModel: the vocabulary has no picture token, or the architecture is not known.</exception>
    public QwenVlProcessor(string modelType, ITokenizer tokenizer, ChatTemplate template, QwenImageProcessor images)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        ArgumentNullException.ThrowIfNull(images);
        if (!ModelTypes.Contains(modelType)) throw new SightlineException(ErrorKind.BadModel, $"the architecture '{modelType}' is not a Qwen-VL model; known are {string.Join(", ", ModelTypes)}");
        _imageTokenId = tokenizer.FindId(ImageToken) ?? throw new SightlineException(ErrorKind.BadModel, $"the tokenizer has no {ImageToken}: use the tokenizer files as published with the model");
        (ModelType, Tokenizer, Template, Images) = (modelType, tokenizer, template, images);
    }

    /// <summary>The values of <c>model_type</c> that this processor serves.</summary>
    public static IReadOnlyList<string> ModelTypes => QwenVlConfig.ModelTypes;

    /// <summary>One of <see cref="ModelTypes"/>.</summary>
    public string ModelType { get; }

    /// <summary>Text to ids and back.</summary>
    public ITokenizer Tokenizer { get; }

    /// <summary>The model's own conversation format.</summary>
    public ChatTemplate Template { get; }

    /// <summary>Pictures to patches.</summary>
    public QwenImageProcessor Images { get; }

    /// <summary>The id of <see cref="ImageToken"/>.</summary>
    public int ImageTokenId => _imageTokenId;

    /// <summary>Reads the tokenizer, the template and the picture settings of a model folder.</summary>
    /// <exception cref="SightlineException">NotFound or BadModel: a file is missing or cannot be understood.</exception>
    public static QwenVlProcessor Load(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        return new QwenVlProcessor(opened.ModelType, Text.Tokenizer.Load(opened.Path), ChatTemplate.Load(opened.Path), QwenImageProcessor.Load(opened.Path));
    }

    /// <summary>The <c>model_type</c> of a folder, without reading anything else.</summary>
    /// <exception cref="SightlineException">NotFound or BadModel.</exception>
    public static string TypeOf(string folder)
    {
        using var opened = HuggingFaceFolder.Open(folder);
        return opened.ModelType;
    }

    /// <summary>The same processor with other limits for the size of a picture.</summary>
    /// <exception cref="SightlineException">Usage: as <see cref="QwenImageProcessor.WithPixels"/>.</exception>
    public QwenVlProcessor WithPixels(long minPixels, long maxPixels) => new(ModelType, Tokenizer, Template, Images.WithPixels(minPixels, maxPixels));

    /// <summary>
    /// The coordinates in which this model was taught to speak about a picture: Qwen2-VL and Qwen3-VL in 0..1000, Qwen2.5-VL in pixels of the
    /// resized picture.
    /// </summary>
    public CoordinateFrame FrameOf(QwenPicture picture)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return ModelType == "qwen2_5_vl" ? picture.ResizedFrame : CoordinateFrame.Thousandths;
    }

    /// <summary>As <see cref="FrameOf(QwenPicture)"/>, of a picture of this size that nobody has read.</summary>
    /// <exception cref="SightlineException">BadPicture: such a picture cannot be resized.</exception>
    public CoordinateFrame FrameOf(int width, int height)
    {
        if (ModelType != "qwen2_5_vl") return CoordinateFrame.Thousandths;
        var grid = Images.GridOf(width, height);
        return CoordinateFrame.Pixels(grid.Width * Images.PatchSize, grid.Height * Images.PatchSize);
    }

    /// <summary>A prompt of pictures and a question, as one message of the user: pictures first.</summary>
    public QwenPrompt Prepare(string question, params IReadOnlyList<Picture> pictures) =>
        Prepare([new ChatMessage("user", [.. pictures.Select(_ => ChatPart.Image), ChatPart.Words(question)])], pictures);

    /// <summary>A prompt from a conversation.</summary>
    /// <param name="messages">The messages; each <see cref="ChatPart.Image"/> takes the next picture.</param>
    /// <param name="pictures">The pictures, in the order of their places in the messages; sizes may differ.</param>
    /// <param name="addGenerationPrompt">Whether the prompt ends where the model's answer begins.</param>
    /// <param name="addVisionId">Whether pictures are numbered ("Picture 1: "), where the template knows that.</param>
    /// <exception cref="SightlineException">Usage: the template places another number of pictures than were given. BadPicture: one cannot be resized.</exception>
    public QwenPrompt Prepare(IReadOnlyList<ChatMessage> messages, IReadOnlyList<Picture> pictures, bool addGenerationPrompt = true, bool addVisionId = false)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        return Assemble(Template.Render(messages, addGenerationPrompt, addVisionId), [.. pictures.Select(Images.Fit)]);
    }

    /// <summary>A prompt from a rendered template and pictures that are ready (an encoded picture can serve many prompts).</summary>
    /// <param name="text">The template's output with one <see cref="ImageToken"/> a picture.</param>
    /// <param name="pictures">The pictures in order.</param>
    /// <exception cref="SightlineException">Usage: the text holds another number of placeholders.</exception>
    public QwenPrompt Assemble(string text, IReadOnlyList<QwenPicture> pictures)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        var plain = new List<int>();
        Tokenizer.Encode(text, plain, addSpecialTokens: false);
        var places = plain.Count(id => id == _imageTokenId);
        if (places != pictures.Count)
            throw new SightlineException(ErrorKind.Usage, $"the conversation has {places} place(s) for pictures ({ImageToken}) and {pictures.Count} picture(s) were given: one is needed for each, and words may not spell the placeholder");
        var ids = new List<int>(plain.Count + pictures.Sum(picture => picture.Grid.Tokens(Images.MergeSize)));
        var spans = new List<(int Start, int Length)>(pictures.Count);
        foreach (var id in plain)
        {
            if (id != _imageTokenId)
            {
                ids.Add(id);
                continue;
            }

            var length = pictures[spans.Count].Grid.Tokens(Images.MergeSize);
            spans.Add((ids.Count, length));
            for (var i = 0; i < length; i++) ids.Add(_imageTokenId);
        }

        return new QwenPrompt(text, [.. ids], pictures, spans);
    }
}
