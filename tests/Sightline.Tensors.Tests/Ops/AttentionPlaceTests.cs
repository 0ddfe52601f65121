using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>What a query gets depends only on itself and its keys: the promise of <see cref="AttentionLayout.BlockKeys"/>, on which the results of generation rest.</summary>
[Trait("Isa", "each")]
[Collection(Alone.Name)]
public sealed class AttentionPlaceTests : TensorTest
{
    private const int H = 4;
    private const int Hkv = 2;
    private const int D = 24;
    private const int Block = AttentionLayout.BlockKeys;

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(Block)]
    [InlineData((2 * Block) + 31)]
    public void One_query_equals_the_last_of_many(int length)
    {
        var (q, k, v) = Draw(length, length);
        var all = Op.Attention(q, k, v, AttentionLayout.Causal(length, length)).ToArray<float>();
        for (var last = 0; last < length; last += 17)
        {
            var one = Op.Attention(Op.Slice(q, 0, last, 1), k, v, new AttentionLayout(new AttentionSpan(0, 1, 0, last + 1, true))).ToArray<float>();
            Assert.Equal(all.AsSpan(last * H * D, H * D).ToArray(), one);
        }
    }

    [Theory]
    [InlineData(3, 40)]
    [InlineData(Block - 1, Block)]
    [InlineData(11, (3 * Block) + 7)]
    public void Pages_in_any_order_equal_one_run_of_keys(int queries, int keys)
    {
        var (q, k, v) = Draw(queries, keys);
        var whole = Op.Attention(q, k, v, AttentionLayout.Full(queries, keys)).ToArray<float>();
        var pages = (keys + Block - 1) / Block;
        var spans = new AttentionSpan[pages];
        var rows = new long[pages * Block];
        for (var page = 0; page < pages; page++)
        {
            var place = ((page * 2) + 1) % pages is var turned && pages % 2 == 1 ? turned : pages - 1 - page; // a permutation
            spans[page] = new AttentionSpan(0, queries, place * Block, Math.Min(Block, keys - (page * Block)));
            for (var i = 0; i < Block; i++) rows[(place * Block) + i] = Math.Min((page * Block) + i, keys - 1);
        }

        var ids = Tensor.From(rows, [rows.Length]);
        var paged = Op.Attention(q, Op.IndexRows(k, ids), Op.IndexRows(v, ids), new AttentionLayout(spans)).ToArray<float>();
        Assert.Equal(whole, paged);
    }

    private static (Tensor Q, Tensor K, Tensor V) Draw(int queries, int keys)
    {
        var random = new RandomStream(5);
        return (Normal(queries, H), Normal(keys, Hkv), Normal(keys, Hkv));

        Tensor Normal(int rows, int heads)
        {
            var values = new float[rows * heads * D];
            for (var i = 0; i < values.Length; i++) values[i] = (float)random.NextNormal();
            return Tensor.From(values, [rows, heads, D]);
        }
    }
}
