using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// Picture and phrases to boxes: image encoder, text encoder, cross-modal fusion, box head. Parameters and nothing else; what a
/// picture or a phrase is, <see cref="FusionProcessor"/> knows.
/// <para>B pictures, S canvas side, N = (S/16)² tokens and M = (S/8)² places a picture, T words in P phrases, C hidden, E projection.</para>
/// </summary>
public sealed class FusionModel : IDisposable
{
    private readonly ImageEncoder _imageEncoder;
    private readonly TextEncoder _textEncoder;
    private readonly FusionLayer[] _fusion;
    private readonly BoxHead _head;
    private readonly PhraseLayer[] _decoder;
    private readonly LayerNorm _wordsNorm;
    private readonly LayerNorm _imageNorm;
    private readonly LayerNorm _phraseNorm;
    private readonly Linear _phraseProjection;
    private readonly Linear _presence;
    private readonly Tensor _bias;
    private readonly Dictionary<int, FusionGeometry> _geometry = [];

    /// <summary>Asks the store for every parameter of the model; the caller checks <see cref="ParameterStore.RequireComplete"/>.</summary>
    public FusionModel(FusionConfig config, ParameterStore parameters)
    {
        Config = config.Validate();
        Parameters = parameters;
        var root = parameters.Root;
        _imageEncoder = new ImageEncoder(root / "image_encoder", config);
        _textEncoder = new TextEncoder(root / "text_encoder", config);
        _fusion = [.. Enumerable.Range(0, config.FusionLayers).Select(i => new FusionLayer(root / "fusion" / i, config))];
        _decoder = [.. Enumerable.Range(0, config.PhraseLayers).Select(i => new PhraseLayer(root / "decoder" / i, config))];
        _wordsNorm = new LayerNorm(root / "decoder_norm" / "words", config.HiddenSize);
        _imageNorm = new LayerNorm(root / "decoder_norm" / "image", config.HiddenSize);
        _head = new BoxHead(root / "head", config);
        _phraseNorm = new LayerNorm(root / "phrase_norm", config.HiddenSize);
        _phraseProjection = new Linear(root / "phrase_projection", config.HiddenSize, config.ProjectionSize);
        _presence = new Linear(root / "presence", config.HiddenSize, 1, initializer: Initializer.TruncatedNormal());
        ContrastLogScale = root.Get("logit_scale", [], Initializer.Constant(MathF.Log(10f)));
        _bias = root.Get("logit_bias", [], Initializer.Constant(-4.6f)); // sigmoid = 0.01: nearly every place is empty
    }

    /// <summary>The sizes.</summary>
    public FusionConfig Config { get; }

    /// <summary>ln of the temperature of contrastive pre-training, a scalar; grounding does not use it.</summary>
    public Tensor ContrastLogScale { get; }

    /// <summary>The weights, by path.</summary>
    public ParameterStore Parameters { get; }

    /// <summary>Words to features before they have seen a picture: [T, C]. Depends on the phrase alone, so it can be kept.</summary>
    public Tensor EncodeText(PhraseTokens phrases, RandomStream? random = null, DType type = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(phrases);
        return _textEncoder.Forward(phrases, type, random);
    }

    /// <summary>
    /// The whole model on a batch. <paramref name="random"/> is null outside training. Activations have the element type of the pixels, and weights are
    /// rounded to it where they are used; what leaves the model is float32.
    /// </summary>
    public FusionOutput Forward(Tensor pixels, PhraseTokens phrases, RandomStream? random = null) =>
        Ground(pixels, EncodeText(phrases, random, pixels.DType), phrases.Lengths, phrases.CountByPicture, random);

    /// <summary>As <see cref="Forward"/> with the words' features at hand.</summary>
    /// <param name="pixels">Canvases, [B, S, S, 3], as <see cref="FusionProcessor"/> scales them.</param>
    /// <param name="words">[T, C], the phrases of the first picture first.</param>
    /// <param name="lengths">Words of each phrase.</param>
    /// <param name="counts">Phrases of each picture.</param>
    /// <param name="random">Null outside training.</param>
    public FusionOutput Ground(Tensor pixels, Tensor words, int[] lengths, int[] counts, RandomStream? random = null) =>
        Ground(EncodeImage(pixels, random), words, lengths, counts, random);

    /// <summary>Canvases, [B, S, S, 3], to features before they have met words. Depend on the pictures alone, so several questions can share them.</summary>
    public ImageFeatures EncodeImage(Tensor pixels, RandomStream? random = null)
    {
        ArgumentNullException.ThrowIfNull(pixels);
        var pictures = pixels.Shape[0];
        var (fine, tokens, positions) = _imageEncoder.Forward(pixels, Geometry(pictures).Positions, AttentionLayout.Packed(Tokens(pictures)), random);
        return new ImageFeatures(pictures, fine, tokens, positions);
    }

    /// <summary>As <see cref="Ground(Tensor, Tensor, int[], int[], RandomStream?)"/> with the pictures' features at hand, too.</summary>
    public FusionOutput Ground(ImageFeatures pictures, Tensor words, int[] lengths, int[] counts, RandomStream? random = null)
    {
        ArgumentNullException.ThrowIfNull(pictures);
        var layouts = Layouts(pictures.Count, lengths, counts);
        var geometry = Geometry(pictures.Count);
        var (_, fine, image, positions) = pictures;
        var text = words;
        foreach (var layer in _fusion) (image, text) = layer.Forward(image, text, positions, layouts, random);
        var (boxes, regions) = _head.Forward(fine, image, positions, geometry);
        var phrase = Op.IndexRows(text, FirstWords(lengths));                             // [P, C]
        var earlier = new List<Tensor>();
        if (_decoder.Length > 0)
        {
            var (wordsContext, imageContext) = (_wordsNorm.Forward(text), Op.Add(_imageNorm.Forward(image), positions));
            foreach (var layer in _decoder)
            {
                if (random is not null) earlier.Add(Align(regions, Project(phrase).Vectors, pictures.Count, counts));
                phrase = layer.Forward(phrase, wordsContext, imageContext, layouts, random);
            }
        }

        var (heads, vectors) = Project(phrase);
        var logits = Align(regions, vectors, pictures.Count, counts);                     // [B, Pmax, M]
        var places = Config.FineSide * Config.FineSide;
        return new FusionOutput(
            Op.Reshape(boxes, pictures.Count, places, 4), logits, Op.Reshape(_presence.Forward(heads), -1), counts)
        {
            EarlierLogits = earlier,
        };
    }

    /// <summary>
    /// Regions and phrases in the shared space, without fusion: what contrastive pre-training compares. Region vectors
    /// [B·M, E] of any length (they are averaged over a box first) and phrase vectors [P, E] of length 1.
    /// </summary>
    public (Tensor Regions, Tensor Phrases) Embed(Tensor pixels, PhraseTokens phrases, RandomStream? random = null)
    {
        var (pictures, fine, image, positions) = EncodeImage(pixels, random);
        var imageSelf = AttentionLayout.Packed(Tokens(pictures));
        foreach (var layer in _fusion) image = layer.ForwardImage(image, imageSelf, random);
        var regions = _head.Embed(fine, image, positions, Geometry(pictures));
        var words = EncodeText(phrases, random, pixels.DType);
        return (regions, Op.L2Normalize(Project(Op.IndexRows(words, FirstWords(phrases.Lengths))).Vectors));
    }

    /// <summary>Frees the parameters and constants.</summary>
    public void Dispose()
    {
        foreach (var geometry in _geometry.Values) geometry.Dispose();
        _geometry.Clear();
        Parameters.Dispose();
    }

    /// <summary>Phrases [P, C] as the heads see them, [P, C], and in the shared space, [P, E].</summary>
    private (Tensor Heads, Tensor Vectors) Project(Tensor phrase)
    {
        var heads = Op.Cast(_phraseNorm.Forward(phrase), DType.Float32);
        return (heads, _phraseProjection.Forward(heads));
    }

    /// <summary>
    /// Scaled dot product of every place with every phrase of its picture. Not a cosine: "the leftmost ring" is a large step
    /// for rings plus a small one for every bit further left, a range that a cosine times a scale of ten does not have.
    /// Rows past a picture's count repeat its batch's first phrase.
    /// </summary>
    private Tensor Align(Tensor regions, Tensor vectors, int pictures, int[] counts)
    {
        var most = counts.Max();
        var rows = new long[pictures * most];
        for (int b = 0, start = 0; b < pictures; start += counts[b++])
        {
            for (var p = 0; p < counts[b]; p++) rows[(b * most) + p] = start + p;
        }

        var padded = Op.Reshape(Op.IndexRows(vectors, Tensor.From(rows, [rows.Length])), pictures, most, Config.ProjectionSize);
        var dot = Op.MatMul(padded, Op.Reshape(regions, pictures, -1, Config.ProjectionSize), transposeB: true); // [B, Pmax, M]
        return Op.Add(Op.Scale(dot, 1 / MathF.Sqrt(Config.ProjectionSize)), _bias);
    }

    private FusionLayouts Layouts(int pictures, int[] lengths, int[] counts)
    {
        var image = Tokens(pictures);
        var words = new int[pictures];
        for (int b = 0, p = 0; b < pictures; b++)
        {
            for (var i = 0; i < counts[b]; i++) words[b] += lengths[p++];
        }

        return new FusionLayouts(
            AttentionLayout.Packed(image),
            AttentionLayout.Packed(lengths),
            AttentionLayout.Cross(words, image),
            AttentionLayout.Cross(image, words),
            AttentionLayout.Cross(Repeat(1, lengths.Length), lengths),
            AttentionLayout.Cross(counts, image));
    }

    /// <summary>Image tokens of each picture.</summary>
    private int[] Tokens(int pictures) => Repeat(Config.CoarseSide * Config.CoarseSide, pictures);

    private FusionGeometry Geometry(int pictures)
    {
        if (!_geometry.TryGetValue(pictures, out var geometry)) _geometry[pictures] = geometry = new FusionGeometry(Config, pictures);
        return geometry;
    }

    private static Tensor FirstWords(int[] lengths)
    {
        var rows = new long[lengths.Length];
        for (var i = 1; i < lengths.Length; i++) rows[i] = rows[i - 1] + lengths[i - 1];
        return Tensor.From(rows, [rows.Length]);
    }

    private static int[] Repeat(int value, int count)
    {
        var values = new int[count];
        Array.Fill(values, value);
        return values;
    }
}

/// <summary>What the image encoder makes of a batch of pictures.</summary>
/// <param name="Count">Pictures, B.</param>
/// <param name="Fine">[B, S/8, S/8, Cf]</param>
/// <param name="Tokens">[B·N, C]</param>
/// <param name="Positions">Position embeddings, [B·N, C].</param>
public sealed record ImageFeatures(int Count, Tensor Fine, Tensor Tokens, Tensor Positions);

/// <summary>Phrases packed without padding, those of the first picture first.</summary>
/// <param name="Ids">Word pieces, [T] (int64); every phrase starts with the classification token.</param>
/// <param name="Places">Place of each word piece in its phrase, [T] (int64).</param>
/// <param name="Lengths">Word pieces of each phrase.</param>
/// <param name="CountByPicture">Phrases of each picture; at least one.</param>
public sealed record PhraseTokens(Tensor Ids, Tensor Places, int[] Lengths, int[] CountByPicture);

/// <summary>What the model says about a batch.</summary>
/// <param name="Boxes">One box a place, xyxy in 0..1 of the canvas, [B, M, 4].</param>
/// <param name="Logits">Alignment of each phrase with each place, before the sigmoid, [B, Pmax, M].</param>
/// <param name="Presence">Is anything of this phrase in the picture, before the sigmoid, [P].</param>
/// <param name="CountByPicture">Phrases of each picture.</param>
public sealed record FusionOutput(Tensor Boxes, Tensor Logits, Tensor Presence, int[] CountByPicture)
{
    /// <summary>In training, what <see cref="Logits"/> would be before each layer of the phrase decoder, each [B, Pmax, M]; otherwise empty.</summary>
    public IReadOnlyList<Tensor> EarlierLogits { get; init; } = [];
}
