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
internal readonly record struct ConvGeometry(
    int N, int H, int W, int C, int O, int KernelH, int KernelW, int Stride, int Padding, int Dilation, int Groups)
{
    public int OutH => OutSize(H, KernelH);

    public int OutW => OutSize(W, KernelW);

    /// <summary>Input channels of a group.</summary>
    public int GroupC => C / Groups;

    /// <summary>Output channels of a group.</summary>
    public int GroupO => O / Groups;

    /// <summary>Inputs that one output of a group sees.</summary>
    public int Taps => KernelH * KernelW * GroupC;

    /// <summary>Output pixels of the batch.</summary>
    public int OutPixels => checked(N * OutH * OutW);

    public bool IsDepthwise => Groups == C && Groups == O;

    public bool IsPointwise => KernelH == 1 && KernelW == 1 && Stride == 1 && Padding == 0 && Groups == 1;

    private int OutSize(int size, int kernel)
    {
        var reach = (Dilation * (kernel - 1)) + 1;
        return size + (2 * Padding) < reach ? 0 : ((size + (2 * Padding) - reach) / Stride) + 1;
    }
}
