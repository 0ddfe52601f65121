using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Quantized;

/// <summary>Quantizes one block of output channels a piece.</summary>
internal readonly unsafe struct QuantizePieces(PanelLayout layout, byte* blocks, float* channelScales, byte* weight, DType type) : IPieces
{
    private const int Block = 128; // a multiple of both group sizes

    [SkipLocalsInit]
    public void Run(int piece)
    {
        layout.Clear(blocks, piece);
        var row = stackalloc float[Block];
        for (var n = piece * PanelLayout.BlockChannels; n < (piece + 1) * PanelLayout.BlockChannels; n++)
        {
            if (layout.Format == QuantizedFormat.Int8) QuantizeRow(n, row);
            else if (n < layout.OutputSize) QuantizeGroups(n, row);
        }
    }

    private void QuantizeRow(int n, float* row)
    {
        channelScales[n] = 0;
        if (n >= layout.OutputSize) return;
        float largest = 0;
        for (var k = 0; k < layout.InputSize; k += Block)
        {
            var count = Load(n, k, row);
            // MathF.Max keeps a NaN
            for (var i = 0; i < count; i++) largest = MathF.Max(largest, MathF.Abs(row[i]));
        }

        channelScales[n] = float.IsFinite(largest) ? largest / 127 : float.NaN;
        var inverse = 127 / largest;
        if (!float.IsFinite(inverse) || inverse == 0) return;
        for (var k = 0; k < layout.InputSize; k += Block)
        {
            var count = Load(n, k, row);
            for (var i = 0; i < count; i++) layout.Write(blocks, n, k + i, (int)MathF.Round(row[i] * inverse));
        }
    }

    private void QuantizeGroups(int n, float* row)
    {
        for (var k = 0; k < layout.InputSize; k += layout.GroupSize)
        {
            var count = Math.Min(Load(n, k, row), layout.GroupSize);
            float extreme = 0;
            for (var i = 0; i < count; i++)
            {
                if (float.IsNaN(row[i]) || MathF.Abs(row[i]) > MathF.Abs(extreme)) extreme = row[i];
                if (!float.IsFinite(extreme)) break;
            }

            var scale = float.IsFinite(extreme) ? (BFloat16)(extreme / -8) : (BFloat16)float.NaN;
            *layout.GroupScale(blocks, n, k / layout.GroupSize) = scale;
            var inverse = 1 / (float)scale;
            if (!float.IsFinite(inverse)) continue;
            for (var i = 0; i < count; i++) layout.Write(blocks, n, k + i, (int)Math.Clamp(MathF.Round(row[i] * inverse), -8, 7));
        }
    }

    /// <summary>Up to <see cref="Block"/> numbers of a row as float32.</summary>
    private int Load(int n, int k, float* row)
    {
        var count = Math.Min(Block, layout.InputSize - k);
        CpuEngine.Widen(weight + ((((long)n * layout.InputSize) + k) * type.Size()), type, row, count);
        return count;
    }
}

/// <summary>Dequantizes one output channel a piece.</summary>
internal readonly unsafe struct DequantizePieces(QuantizedWeight weight, float* target) : IPieces
{
    public void Run(int piece)
    {
        var layout = weight.Layout;
        var row = target + ((long)piece * layout.InputSize);
        for (var k = 0; k < layout.InputSize; k++) row[k] = layout.Read(weight.Blocks, piece, k) * weight.ScaleAt(piece, k);
    }
}
