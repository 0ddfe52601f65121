namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>
/// Images as [N, C, HW] or [N, HW, C]: how they are cut into pieces for sums over positions. Channels first: whole planes. Channels last: blocks
/// of positions. The cut depends on the sizes only.
/// </summary>
internal readonly struct ChannelLayout
{
    private const int PieceElements = 1 << 14;

    public ChannelLayout(Shape shape, bool channelsLast)
    {
        Last = channelsLast;
        N = shape[0];
        C = channelsLast ? shape[^1] : shape[1];
        Positions = N == 0 || C == 0 ? 0 : shape.Count / N / C;
        Step = Math.Max(1, PieceElements / (int)Math.Clamp(Last ? C : Positions, 1, PieceElements));
        Blocks = Last ? (int)((Positions + Step - 1) / Step) : 1;
    }

    public bool Last { get; }

    public int N { get; }

    public int C { get; }

    public long Positions { get; }

    /// <summary>Planes (channels first) or positions (channels last) of a piece.</summary>
    public int Step { get; }

    /// <summary>Blocks of positions of a sample; 1 for channels first, where a plane is summed in one go.</summary>
    public int Blocks { get; }

    public int Pieces => Last ? N * Blocks : (int)((((long)N * C) + Step - 1) / Step);

    /// <summary>Number of partial sums of one quantity: [N, Blocks, C].</summary>
    public long Partials => (long)N * Blocks * C;
}
