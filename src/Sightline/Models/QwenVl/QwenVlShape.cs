namespace Sightline.Models.QwenVl;

/// <summary>Sizes of a new Qwen2-VL model. Everything that is not said here follows from them or is as in the published models.</summary>
public sealed record QwenVlShape
{
    /// <summary>Shapes by name.</summary>
    public static IReadOnlyDictionary<string, QwenVlShape> Presets { get; } = new Dictionary<string, QwenVlShape>(StringComparer.Ordinal)
    {
        ["tiny"] = new() { HiddenSize = 64, IntermediateSize = 160, Layers = 2, Heads = 2, KeyHeads = 1, VisionChannels = 32, VisionDepth = 2, VisionHeads = 2, MergeSize = 2 },
        ["small"] = new(),
    };

    /// <summary>Channels of a token.</summary>
    public int HiddenSize { get; init; } = 192;

    /// <summary>Hidden channels of the language model's feed-forward layers.</summary>
    public int IntermediateSize { get; init; } = 512;

    /// <summary>Layers of the language model.</summary>
    public int Layers { get; init; } = 4;

    /// <summary>Query heads.</summary>
    public int Heads { get; init; } = 6;

    /// <summary>Key and value heads.</summary>
    public int KeyHeads { get; init; } = 3;

    /// <summary>
    /// Base of the rotary wavelengths of the language model. Rows and columns of a picture turn the slower channel pairs (M-RoPE); a small picture has so few of
    /// them that with the published base, a million, they would all look alike.
    /// </summary>
    public double RopeTheta { get; init; } = 10;

    /// <summary>Channels of a patch.</summary>
    public int VisionChannels { get; init; } = 72;

    /// <summary>Layers of the vision tower.</summary>
    public int VisionDepth { get; init; } = 4;

    /// <summary>Attention heads of the vision tower.</summary>
    public int VisionHeads { get; init; } = 6;

    /// <summary>Side of a patch in pixels.</summary>
    public int PatchSize { get; init; } = 14;

    /// <summary>
    /// Side in patches of the square that becomes one token, 2 in the published models. The tower has no positions but relative ones; within such a square the merger
    /// sees which patch is which, so larger squares make places much easier to learn from few pictures.
    /// </summary>
    public int MergeSize { get; init; } = 4;

    /// <summary>Fewest and most pixels of a picture after resizing.</summary>
    public (long Fewest, long Most) Pixels { get; init; } = (112 * 112, 168 * 112);

    /// <summary>Most tokens of a conversation.</summary>
    public int Context { get; init; } = 1024;

    /// <summary>Channel pairs of a head that turn by time, row and column: a quarter and three eighths each, as published.</summary>
    internal int[] Sections
    {
        get
        {
            var pairs = HiddenSize / Heads / 2;
            var rows = pairs * 3 / 8;
            return [pairs - (2 * rows), rows, rows];
        }
    }

    /// <exception cref="SightlineException">Usage: sizes that do not fit each other.</exception>
    internal void Check()
    {
        void Require(bool holds, string problem)
        {
            if (!holds) throw new SightlineException(ErrorKind.Usage, $"a model cannot be made so: {problem}");
        }

        Require(HiddenSize > 0 && IntermediateSize > 0 && Layers > 0 && VisionChannels > 0 && VisionDepth > 0 && PatchSize > 0 && MergeSize > 0 && Context > 0, "all sizes must be positive");
        Require(Heads > 0 && HiddenSize % Heads == 0 && HiddenSize / Heads % 16 == 0, $"{HiddenSize} channels must be {Heads} heads of a multiple of 16 channels");
        Require(KeyHeads > 0 && Heads % KeyHeads == 0, $"{Heads} query heads must be a multiple of {KeyHeads} key heads");
        Require(VisionHeads > 0 && VisionChannels % VisionHeads == 0 && VisionChannels / VisionHeads % 4 == 0, $"{VisionChannels} channels of the vision tower must be {VisionHeads} heads of a multiple of 4 channels");
        Require(Pixels.Fewest > 0 && Pixels.Most >= Pixels.Fewest, $"the fewest pixels must be positive and at most the most, not {Pixels.Fewest} and {Pixels.Most}");
        Require(RopeTheta > 1, FormattableString.Invariant($"the base of the wavelengths must be above 1, is {RopeTheta}"));
    }
}
