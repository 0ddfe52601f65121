namespace Sightline.Nn;

/// <summary>Which linear layers get a low-rank adapter (Hu et al. 2021, LoRA), and how large.</summary>
public sealed record LoraOptions
{
    /// <summary>Channels between the two matrices, r.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>The adapter's output is multiplied by this over the rank (or over its root), α.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Divide by the root of the rank (Kalajdzievski 2023, rsLoRA).</summary>
    public bool IsRankStabilized { get; init; }

    /// <summary>Last parts of the paths of the layers.</summary>
    public IReadOnlyList<string> Targets { get; init; } = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];

    /// <summary>
    /// First parts of the paths of the layers: the language model alone by default, as the vision tower of Qwen2.5-VL has layers of the same names.
    /// </summary>
    public IReadOnlyList<string> Parts { get; init; } = ["model"];

    /// <summary>The factor on an adapter's output.</summary>
    public double Scale => Alpha / (IsRankStabilized ? Math.Sqrt(Rank) : Rank);

    /// <summary>Whether the layer at a path gets one.</summary>
    public bool Fits(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return Parts.Any(part => path.StartsWith(part + ".", StringComparison.Ordinal)) && Targets.Any(target => path.EndsWith("." + target, StringComparison.Ordinal));
    }

    /// <summary>Refuses settings that cannot be meant.</summary>
    /// <exception cref="SightlineException">Usage.</exception>
    public void Check()
    {
        if (Rank < 1) throw new SightlineException(ErrorKind.Usage, $"an adapter needs a rank of at least 1, not {Rank}");
        if (!(Alpha > 0) || !double.IsFinite(Alpha)) throw new SightlineException(ErrorKind.Usage, $"an adapter's alpha must be above 0, not {Alpha}");
        if (Targets.Count == 0) throw new SightlineException(ErrorKind.Usage, "adapters need at least one target, as q_proj");
    }
}
