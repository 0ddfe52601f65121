using Sightline.Tensors;

namespace Sightline.Training.Runs;

/// <summary>Endless passes over a number of items, each in an order of its own that depends on the stream and the number of the pass alone. Thread-safe.</summary>
internal sealed class ShuffledEpochs(int count, RandomStream random)
{
    private readonly RandomStream _random = random.Fork("order");
    private readonly Lock _lock = new();
    private (long Epoch, int[] Order) _order = (-1, []);

    /// <summary>The item at a place of the endless sequence.</summary>
    public int this[long index]
    {
        get
        {
            var (epoch, at) = Math.DivRem(index, count);
            lock (_lock)
            {
                if (_order.Epoch != epoch)
                {
                    var order = Enumerable.Range(0, count).ToArray();
                    _random.Fork((ulong)epoch).Shuffle(order.AsSpan());
                    _order = (epoch, order);
                }

                return _order.Order[at];
            }
        }
    }
}
