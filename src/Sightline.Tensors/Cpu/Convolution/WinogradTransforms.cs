using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Convolution;

/// <summary>A two-dimensional transform of <see cref="WinogradLines"/>, lane by lane over channels.</summary>
internal unsafe interface IWinogradTransform
{
    /// <summary>Channels channel .. channel + V.Count.</summary>
    void Run<V>(int channel, float* between)
        where V : struct, ILanes<V>;
}

/// <summary>Runs a transform over all channels, the widest registers first.</summary>
internal static unsafe class WinogradChannels
{
    [SkipLocalsInit]
    public static void Run<T>(in T transform, int channels)
        where T : struct, IWinogradTransform
    {
        var between = stackalloc float[36 * 16];
        var c = 0;
        for (; c <= channels - 16 && Vector512.IsHardwareAccelerated; c += 16) transform.Run<Lane16>(c, between);
        for (; c <= channels - 8 && Vector256.IsHardwareAccelerated; c += 8) transform.Run<Lane8>(c, between);
        for (; c <= channels - 4 && Vector128.IsHardwareAccelerated; c += 4) transform.Run<Lane4>(c, between);
        for (; c < channels; c++) transform.Run<Lane1>(c, between);
    }
}

/// <summary>Bᵀ d B of one tile: 36 pixels, row-major, to 36 planes.</summary>
internal readonly unsafe struct WinogradInput(float** pixels, float* target, nint plane) : IWinogradTransform
{
    public void Run<V>(int channel, float* between)
        where V : struct, ILanes<V>
    {
        for (var j = 0; j < 6; j++)
        {
            WinogradLines.Input(
                V.Load(pixels[j] + channel), V.Load(pixels[6 + j] + channel), V.Load(pixels[12 + j] + channel),
                V.Load(pixels[18 + j] + channel), V.Load(pixels[24 + j] + channel), V.Load(pixels[30 + j] + channel), between + (j * V.Count), 6 * V.Count);
        }

        for (var i = 0; i < 6; i++)
        {
            var line = between + (i * 6 * V.Count);
            WinogradLines.Input(
                V.Load(line), V.Load(line + V.Count), V.Load(line + (2 * V.Count)), V.Load(line + (3 * V.Count)), V.Load(line + (4 * V.Count)), V.Load(line + (5 * V.Count)),
                target + (i * 6 * plane) + channel, plane);
        }
    }
}

/// <summary>Aᵀ m A of one tile plus the bias: 36 planes to 16 pixels, row-major.</summary>
internal readonly unsafe struct WinogradOutput(float* source, nint plane, float* bias, float** pixels) : IWinogradTransform
{
    public void Run<V>(int channel, float* between)
        where V : struct, ILanes<V>
    {
        V y0, y1, y2, y3;
        for (var j = 0; j < 6; j++)
        {
            var column = source + (j * plane) + channel;
            var row = 6 * plane;
            WinogradLines.Output(
                V.Load(column), V.Load(column + row), V.Load(column + (2 * row)), V.Load(column + (3 * row)), V.Load(column + (4 * row)), V.Load(column + (5 * row)),
                out y0, out y1, out y2, out y3);
            var target = between + (j * V.Count);
            y0.Store(target);
            y1.Store(target + (6 * V.Count));
            y2.Store(target + (12 * V.Count));
            y3.Store(target + (18 * V.Count));
        }

        var start = bias is null ? V.Create(0f) : V.Load(bias + channel);
        for (var i = 0; i < 4; i++)
        {
            var line = between + (i * 6 * V.Count);
            WinogradLines.Output(
                V.Load(line), V.Load(line + V.Count), V.Load(line + (2 * V.Count)), V.Load(line + (3 * V.Count)), V.Load(line + (4 * V.Count)), V.Load(line + (5 * V.Count)),
                out y0, out y1, out y2, out y3);
            (y0 + start).Store(pixels[4 * i] + channel);
            (y1 + start).Store(pixels[(4 * i) + 1] + channel);
            (y2 + start).Store(pixels[(4 * i) + 2] + channel);
            (y3 + start).Store(pixels[(4 * i) + 3] + channel);
        }
    }
}

/// <summary>A dy Aᵀ of one tile: 16 pixels to 36 planes.</summary>
internal readonly unsafe struct WinogradSlope(float** pixels, float* target, nint plane) : IWinogradTransform
{
    public void Run<V>(int channel, float* between)
        where V : struct, ILanes<V>
    {
        for (var j = 0; j < 4; j++)
        {
            WinogradLines.Slope(
                V.Load(pixels[j] + channel), V.Load(pixels[4 + j] + channel), V.Load(pixels[8 + j] + channel), V.Load(pixels[12 + j] + channel), between + (j * V.Count), 4 * V.Count);
        }

        for (var i = 0; i < 6; i++)
        {
            var line = between + (i * 4 * V.Count);
            WinogradLines.Slope(
                V.Load(line), V.Load(line + V.Count), V.Load(line + (2 * V.Count)), V.Load(line + (3 * V.Count)), target + (i * 6 * plane) + channel, plane);
        }
    }
}

/// <summary>G w Gᵀ for one input channel (of the product) and a run of outputs: w is [9 turned, outputs], planes are [outputs].</summary>
internal readonly unsafe struct WinogradKernel(float* turned, nint tap, float* target, nint plane) : IWinogradTransform
{
    public void Run<V>(int channel, float* between)
        where V : struct, ILanes<V>
    {
        var w = turned + channel;
        for (var s = 0; s < 3; s++)
        {
            // the tap in row r and column s is number 8 - (3 r + s) of the turned kernel
            WinogradLines.Weights(V.Load(w + ((8 - s) * tap)), V.Load(w + ((5 - s) * tap)), V.Load(w + ((2 - s) * tap)), between + (s * V.Count), 3 * V.Count);
        }

        for (var i = 0; i < 6; i++)
        {
            var line = between + (i * 3 * V.Count);
            WinogradLines.Weights(V.Load(line), V.Load(line + V.Count), V.Load(line + (2 * V.Count)), target + (i * 6 * plane) + channel, plane);
        }
    }
}

/// <summary>Gᵀ u G for one output channel: 36 planes [C] to 9 taps [C].</summary>
internal readonly unsafe struct WinogradKernelSlope(float* source, nint plane, float* taps, nint tap) : IWinogradTransform
{
    public void Run<V>(int channel, float* between)
        where V : struct, ILanes<V>
    {
        for (var j = 0; j < 6; j++)
        {
            var column = source + (j * plane) + channel;
            var row = 6 * plane;
            WinogradLines.WeightSlope(
                V.Load(column), V.Load(column + row), V.Load(column + (2 * row)), V.Load(column + (3 * row)), V.Load(column + (4 * row)), V.Load(column + (5 * row)),
                between + (j * V.Count), 6 * V.Count);
        }

        for (var r = 0; r < 3; r++)
        {
            var line = between + (r * 6 * V.Count);
            WinogradLines.WeightSlope(
                V.Load(line), V.Load(line + V.Count), V.Load(line + (2 * V.Count)), V.Load(line + (3 * V.Count)), V.Load(line + (4 * V.Count)), V.Load(line + (5 * V.Count)),
                taps + (3 * r * tap) + channel, tap);
        }
    }
}
