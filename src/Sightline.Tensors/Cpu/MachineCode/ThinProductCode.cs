using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>
/// A few rows times a block of weights, for <see cref="DotProductCode"/>: bounded by how fast the weights come from memory, so what counts is to have few instructions between
/// two loads. 64 bytes of weights are one operand: the two quads of eight int8 channels, or one quad of sixteen int4 channels.
/// </summary>
internal static class ThinProductCode
{
    public const int MaxRows = 4;

    private const int Panels = PanelLayout.BlockPanels;
    private const int UpperLanes = 1; // mask registers
    private const int LowerLanes = 2;
    private const int Activation = 16; // registers: sums from 0 on, then these
    private const int Weight = 24;
    private const int Scale = 27;
    private const int Scratch = 28;
    private const int Mask = 29;
    private const Register Step = Register.Rax;

    /// <summary>
    /// The function for so many rows. Sums are [panel][row][8] (int8) or [pair of panels][row][16] (int4).
    /// </summary>
    public static byte[] Assemble(QuantizedFormat format, int rows)
    {
        var code = new Assembler { VectorBytes = 64 };
        code.SetMask(UpperLanes, 0xFF00);
        code.SetMask(LowerLanes, 0x00FF);
        code.Broadcast(Mask, TileArguments.NibbleMask);
        TileWalk.LoadArguments(code);
        code.Load(Step, TileArguments.Step);
        TileWalk.EachGroup(code, () => Begin(code, format, rows), () => Unit(code, format, rows), () => Flush(code, format, rows));
        code.Return();
        return code.ToArray();
    }

    /// <summary>Sums begin with the correction; in int8 a channel has two lanes, of which one gets it.</summary>
    private static void Begin(Assembler code, QuantizedFormat format, int rows)
    {
        for (var row = 0; row < rows; row++)
        {
            var correction = new Place(TileWalk.Corrections, 4 * row);
            for (var panel = 0; format == QuantizedFormat.Int8 && panel < Panels; panel++) code.Broadcast((panel * rows) + row, correction, LowerLanes, zero: true);
            for (var pair = 0; format == QuantizedFormat.Int4 && pair < Panels / 2; pair++) code.Broadcast((pair * rows) + row, correction);
        }
    }

    private static void Unit(Assembler code, QuantizedFormat format, int rows)
    {
        if (format == QuantizedFormat.Int8) Int8Unit(code, rows);
        else Int4Unit(code, rows);
        code.Add(TileWalk.Quads, Step);
    }

    private static void Flush(Assembler code, QuantizedFormat format, int rows)
    {
        if (format == QuantizedFormat.Int8) Int8Flush(code, rows);
        else Int4Flush(code, rows);
        code.Add(TileWalk.Scales, Step);
        code.Add(TileWalk.Corrections, Step);
    }

    private static void Int8Unit(Assembler code, int rows)
    {
        for (var row = 0; row < rows; row++) code.Broadcast(Activation + row, new Place(TileWalk.Quads, 4 * row));
        code.Add(TileWalk.Quads, Step);
        for (var row = 0; row < rows; row++) code.Broadcast(Activation + row, new Place(TileWalk.Quads, 4 * row), UpperLanes, zero: false);
        for (var panel = 0; panel < Panels; panel++)
        {
            var weight = Weight + (panel % 2);
            code.LoadVector(weight, new Place(TileWalk.Block, 64 * panel));
            for (var row = 0; row < rows; row++) code.DotProduct((panel * rows) + row, weight, Activation + row);
        }

        code.Add(TileWalk.Block, 64 * Panels);
    }

    private static void Int4Unit(Assembler code, int rows)
    {
        for (var row = 0; row < rows; row++) code.Broadcast(Activation + row, new Place(TileWalk.Quads, 4 * row));
        code.Add(TileWalk.Quads, Step);
        for (var row = 0; row < rows; row++) code.Broadcast(Activation + MaxRows + row, new Place(TileWalk.Quads, 4 * row));
        for (var pair = 0; pair < Panels / 2; pair++)
        {
            var place = new Place(TileWalk.Block, 64 * pair);
            code.And(Weight, Mask, place);
            code.ShiftRight16(Weight + 1, place, 4);
            code.And(Weight + 1, Weight + 1, Mask);
            for (var row = 0; row < rows; row++) code.DotProduct((pair * rows) + row, Weight, Activation + row);
            for (var row = 0; row < rows; row++) code.DotProduct((pair * rows) + row, Weight + 1, Activation + MaxRows + row);
        }

        code.Add(TileWalk.Block, 32 * Panels);
    }

    /// <summary>sums += (exact sum) x (scale of the activations), one rounding.</summary>
    private static void Int8Flush(Assembler code, int rows)
    {
        code.VectorBytes = 32;
        for (var row = 0; row < rows; row++)
        {
            code.Broadcast(Scale, new Place(TileWalk.Scales, 4 * row));
            for (var panel = 0; panel < Panels; panel++)
            {
                var sum = (panel * rows) + row;
                code.UpperHalf(Scratch, sum);
                code.Add(sum, sum, Scratch);
                TileWalk.AddTo(code, sum, Scale, new Place(TileWalk.Sums, 32 * sum));
            }
        }

        code.VectorBytes = 64;
    }

    /// <summary>As <see cref="Int8Flush"/>, with the factor (scale of the weights) x (scale of the activations), rounded.</summary>
    private static void Int4Flush(Assembler code, int rows)
    {
        for (var pair = 0; pair < Panels / 2; pair++)
        {
            code.Widen16(Weight + pair, new Place(TileWalk.Block, 32 * pair));
            code.ShiftLeft32(Weight + pair, Weight + pair, 16); // bfloat16 is the upper half of a float32
        }

        code.Add(TileWalk.Block, PanelLayout.ScaleBytes);
        for (var row = 0; row < rows; row++)
        {
            code.Broadcast(Scale, new Place(TileWalk.Scales, 4 * row));
            for (var pair = 0; pair < Panels / 2; pair++)
            {
                var sum = (pair * rows) + row;
                code.Multiply(Scratch, Weight + pair, Scale);
                TileWalk.AddTo(code, sum, Scratch, new Place(TileWalk.Sums, 64 * sum));
            }
        }
    }
}
