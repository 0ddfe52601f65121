using Sightline.Tensors.Ops;
using Sightline.Tensors.Tests.Engines;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Ops;

/// <summary>With <see cref="RowIndependence"/> a row of a product has the same bits in every company.</summary>
[Trait("Isa", "each")]
[Collection(Alone.Name)]
public sealed class RowIndependenceTests : TensorTest
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(16, 16)]
    [InlineData(33, 70)]
    [InlineData(100, 391)]
    [InlineData(15, 5)]
    [InlineData(130, 800)]
    public void A_row_alone_equals_the_row_among_many(int N, int K)
    {
        using var rows = RowIndependence.Require();
        var (w, b) = (Normal(1, N, K), Op.Reshape(Normal(2, 1, N), N));
        foreach (var bias in new[] { null, b })
        {
            var all = Op.Linear(Normal(3, 40, K), w, bias).ToArray<float>();
            foreach (var count in new[] { 1, 2, 3, 4, 5, 7, 8, 9, 14, 15, 28, 29, 40 })
            {
                var some = Op.Linear(Op.Slice(Normal(3, 40, K), 0, 40 - count, count), w, bias).ToArray<float>();
                Assert.Equal(all.AsSpan((40 - count) * N).ToArray(), some);
            }
        }
    }

    [Fact]
    public void What_is_added_to_a_row_has_the_same_bits_in_every_company()
    {
        using var rows = RowIndependence.Require();
        var (w, down, up) = (Normal(1, 70, 130), Normal(4, 16, 130), Normal(5, 70, 16));
        var all = Of(40).ToArray();
        foreach (var count in new[] { 1, 2, 7, 8, 9, 15, 16, 17, 28, 29 }) Assert.Equal(all.AsSpan((40 - count) * 70).ToArray(), Of(count));

        float[] Of(int count)
        {
            var x = Op.Slice(Normal(3, 40, 130), 0, 40 - count, count);
            return Op.AddLowRank(Op.Linear(x, w), x, down, up, 2).ToArray<float>();
        }
    }

    [Fact]
    public void Without_it_the_sums_are_near()
    {
        var (x, w) = (Normal(3, 1, 512), Normal(1, 40, 512));
        var plain = Op.Linear(x, w).ToArray<float>();
        Assert.False(RowIndependence.IsRequired);
        using var rows = RowIndependence.Require();
        Assert.True(RowIndependence.IsRequired);
        var exact = Op.Linear(x, w).ToArray<float>();
        for (var i = 0; i < 40; i++) Assert.InRange(plain[i] - exact[i], -1e-4f, 1e-4f);
    }

    private static Tensor Normal(ulong seed, int rows, int columns)
    {
        var random = new RandomStream(seed);
        var values = new float[rows * columns];
        for (var i = 0; i < values.Length; i++) values[i] = (float)random.NextNormal();
        return Tensor.From(values, [rows, columns]);
    }
}
