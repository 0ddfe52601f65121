using System.Runtime.Intrinsics;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Quantized;

/// <summary>
/// The numbers of an int8 weight with inputs and output channels exchanged, a block of source channels a piece. 64 bytes hold eight channels by eight inputs in either
/// order: four squares of 4 x 4 bytes, each turned by one shuffle, the two in the middle exchanged. Padding goes to padding, as both axes are padded to 32.
/// </summary>
internal readonly unsafe struct TransposePieces(PanelLayout from, byte* source, PanelLayout to, byte* target) : IPieces
{
    private const int Chunk = 64;
    private const int Square = 16;

    public void Run(int piece)
    {
        var turn = Vector128.Create((byte)0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
        var units = PanelLayout.BlockChannels / PanelLayout.UnitPositions;
        var first = piece * units; // unit of the target
        for (var unit = 0; unit < from.Units; unit++)
        {
            var read = source + (piece * from.BlockBytes) + from.UnitOffset(unit);
            var write = target + (unit / units * to.BlockBytes) + to.UnitOffset(first) + (unit % units * Chunk);
            for (var panel = 0; panel < PanelLayout.BlockPanels; panel++, read += Chunk, write += PanelLayout.BlockPanels * Chunk)
            {
                Vector128.Shuffle(Vector128.Load(read), turn).Store(write);
                Vector128.Shuffle(Vector128.Load(read + Square), turn).Store(write + (2 * Square));
                Vector128.Shuffle(Vector128.Load(read + (2 * Square)), turn).Store(write + Square);
                Vector128.Shuffle(Vector128.Load(read + (3 * Square)), turn).Store(write + (3 * Square));
            }
        }
    }
}
