namespace Sightline.Tensors.Ops;

/// <summary>How the axes of a picture tensor are ordered.</summary>
public enum ImageLayout
{
    /// <summary>[N, C, H, W], as checkpoints' reference code has it.</summary>
    ChannelsFirst,

    /// <summary>[N, H, W, C]: the fast one.</summary>
    ChannelsLast,
}

/// <summary>The sizes of a two-dimensional convolution x [N, H, W, C] * w [O, C / Groups, KernelH, KernelW] = y [N, OutH, OutW, O].</summary>
/// <param name="N">Pictures.</param>
/// <param name="H">Rows of x.</param>
/// <param name="W">Columns of x.</param>
/// <param name="C">Channels of x.</param>
/// <param name="O">Channels of y.</param>
/// <param name="KernelH">Rows of the kernel.</param>
/// <param name="KernelW">Columns of the kernel.</param>
/// <param name="Stride">Step of the kernel, both axes.</param>
/// <param name="Padding">Zeros around the picture, both axes.</param>
/// <param name="Dilation">Distance of the kernel's taps, both axes.</param>
/// <param name="Groups">Blocks of channels that do not mix.</param>
public readonly record struct ConvGeometry(
    int N, int H, int W, int C, int O, int KernelH, int KernelW, int Stride, int Padding, int Dilation, int Groups)
{
    /// <summary>Rows of y.</summary>
    public int OutH => OutSize(H, KernelH);

    /// <summary>Columns of y.</summary>
    public int OutW => OutSize(W, KernelW);

    /// <summary>Input channels of a group.</summary>
    public int GroupC => C / Groups;

    /// <summary>Output channels of a group.</summary>
    public int GroupO => O / Groups;

    /// <summary>Inputs that one output of a group sees.</summary>
    internal int Taps => KernelH * KernelW * GroupC;

    /// <summary>Output pixels of the batch.</summary>
    internal int OutPixels => checked(N * OutH * OutW);

    internal bool IsDepthwise => Groups == C && Groups == O;

    internal bool IsPointwise => KernelH == 1 && KernelW == 1 && Stride == 1 && Padding == 0 && Groups == 1;

    private int OutSize(int size, int kernel)
    {
        var reach = (Dilation * (kernel - 1)) + 1;
        return size + (2 * Padding) < reach ? 0 : ((size + (2 * Padding) - reach) / Stride) + 1;
    }
}
