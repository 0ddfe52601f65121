using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu;
using Sightline.Testing;
using Sightline.Training.Distributed;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Tests.Distributed;

/// <summary>Gradients of several ranks become those of their owners, whatever their types, sizes and pieces.</summary>
[Collection(Alone.Name)]
public sealed class ParameterShardsTests : TensorTest
{
    // so sized that each of four ranks owns many numbers, those of float32 lying at the first and the last
    private static readonly (DType Type, int Count)[] Parts = [(DType.Float32, 800), (DType.BFloat16, 900), (DType.Float32, 1000), (DType.Float16, 850), (DType.Float32, 0), (DType.BFloat16, 41), (DType.Float32, 17)];

    [Theory]
    [InlineData(1, 64)]
    [InlineData(2, 64)]
    [InlineData(3, 64)]
    [InlineData(4, 1 << 20)]
    public void Gradients_add_up_in_the_order_of_ranks_and_weights_come_back(int size, int piece) => AddUp(size, CpuEngine.Instance, ranks => new HostTransport(ranks, piece));

    [Theory]
    [InlineData(1, 64)]
    [InlineData(2, 64)]
    [InlineData(3, 64)]
    [InlineData(4, 1 << 20)]
    public void They_do_so_from_device_to_device_with_the_same_bits(int size, int piece) =>
        AddUp(size, CpuEngine.Instance, ranks => new NcclTransport(ranks, FakeNccl.Open(), new FakeDevice(), piece));

    /// <summary>The whole exchange of some ranks on an engine, against sums worked out here.</summary>
    internal static void AddUp(int size, Engine engine, Func<Communicator, ITensorTransport> transportOf) => ThreadRanks.Run(size, ranks =>
    {
        var parameters = Parts.Select((part, p) => new Parameter($"p{p}", Make(engine, part.Type, part.Count, i => p + (i / 8f)).AsParameter())).ToArray();
        var transport = transportOf(ranks);
        using var closing = transport as IDisposable;
        var shards = new ParameterShards(parameters, ranks, transport: transport);
        for (var p = 0; p < Parts.Length; p++)
        {
            if (p != 2 || ranks.Rank == ranks.Size - 1) Give(parameters[p].Value, i => Gradient(ranks.Rank, p, i)); // one parameter is reached at the last rank alone
        }

        shards.SumGradients();
        var norm = shards.Norm();
        var squares = 0.0;
        for (var p = 0; p < Parts.Length; p++)
        {
            float[] expected = [.. Enumerable.Range(0, Parts[p].Count).Select(i => Rounded(Parts[p].Type, Sum(size, p, i)))];
            squares += expected.Sum(value => (double)value * value);
            if (shards.Owns(parameters[p])) Assert.Equal(expected, Values(parameters[p].Value.Grad!));
            else Assert.Null(parameters[p].Value.Grad);
        }

        Assert.Equal(Math.Sqrt(squares), norm, 1e-4 * Math.Sqrt(squares));
        foreach (var own in shards.Own) own.Value.Engine.Fill(own.Value, ranks.Rank + 1);
        shards.ShareWeights();
        var owned = ranks.Numbers(shards.Own.Count());
        Assert.Equal(Parts.Length, owned.Sum()); // each has one owner
        foreach (var parameter in parameters.Where(parameter => parameter.Value.Count > 0)) Assert.Single(Values(parameter.Value).Distinct());
        Assert.All(shards.Own, own => Assert.All(Values(own.Value), value => Assert.Equal(ranks.Rank + 1, value)));
        foreach (var parameter in parameters) parameter.Value.Dispose();
    });

    [Fact]
    public void A_gradient_whose_memory_another_shares_is_not_written_through() => ThreadRanks.Run(2, ranks =>
    {
        var parameters = Enumerable.Range(0, 2).Select(p => new Parameter($"p{p}", Make(CpuEngine.Instance, DType.Float32, 4, _ => 0).AsParameter())).ToArray();
        using (var tape = Tape.Record())
        {
            using var scope = TensorScope.Open();
            tape.Backward(Sightline.Tensors.Ops.Op.Sum(Sightline.Tensors.Ops.Op.Add(parameters[0].Value, parameters[1].Value)));
        }

        var shards = new ParameterShards(parameters, ranks);
        shards.SumGradients();
        Assert.All(shards.Own, own => Assert.Equal([2, 2, 2, 2], Values(own.Value.Grad!)));
        foreach (var parameter in parameters) parameter.Value.Dispose();
    });

    [Fact]
    public void Trips_and_cancelling_end_all_ranks_alike() => ThreadRanks.Run(3, ranks =>
    {
        Assert.Equal(ranks.Rank, ranks.Together(() => ranks.Rank));
        Assert.Equal("at rank 1", Assert.Throws<Runs.TripwireException>(() => ranks.Together<int>(() => ranks.Rank == 1 ? throw new Runs.TripwireException("at rank 1") : 0)).Message);
        Assert.Throws<OperationCanceledException>(() => ranks.Together<int>(() => ranks.Rank == 2 ? throw new OperationCanceledException() : 0));
        Assert.Equal([0, 1, 4, 9, 16, 25, 36], ranks.Map(7, i => i * i, (writer, value) => writer.Write(value), reader => reader.ReadInt32()));
    });

    /// <summary>Numbers whose sum depends on its order.</summary>
    [Fact]
    public void Pieces_of_tensors_of_several_types_end_between_two_elements()
    {
        const int Piece = 64;
        using var scope = TensorScope.Open();
        var row = TensorRow.OfOwners(Parts.Select(part => (Make(CpuEngine.Instance, part.Type, part.Count, i => i), 0)), 1)[0];
        for (long start = 0; start < row.Bytes; start += Piece)
        {
            foreach (var (tensor, offset, _, length) in row.Parts(start, row.Length(start, Piece)))
                Assert.Equal((0, 0), (offset % tensor.DType.Size(), length % tensor.DType.Size()));
        }
    }

    private static float Gradient(int rank, int p, int i) => MathF.Sin((rank * 7) + (p * 3) + i) * (1 + (rank * 100));

    /// <summary>From rank 0 on, in float32.</summary>
    private static float Sum(int size, int p, int i)
    {
        if (p == 2) return Gradient(size - 1, p, i);
        var sum = 0f;
        for (var rank = 0; rank < size; rank++) sum += Rounded(Parts[p].Type, Gradient(rank, p, i));
        return sum;
    }

    private static float Rounded(DType type, float value) => type switch
    {
        DType.BFloat16 => (float)(BFloat16)value,
        DType.Float16 => (float)(Half)value,
        _ => value,
    };

    private static void Give(Tensor weights, Func<int, float> values)
    {
        using var tape = Tape.Record();
        tape.Backward(weights, Make(weights.Engine, weights.DType, (int)weights.Count, values));
    }

    private static Tensor Make(Engine engine, DType type, int count, Func<int, float> values)
    {
        var full = Tensor.From([.. Enumerable.Range(0, count).Select(values)], [count], engine);
        if (type == DType.Float32) return full;
        var rounded = Tensor.Empty([count], type, engine);
        full.Engine.Cast(full, rounded);
        full.Dispose();
        return rounded;
    }

    private static float[] Values(Tensor tensor)
    {
        using var wide = Tensor.Empty(tensor.Shape, DType.Float32, tensor.Engine);
        tensor.Engine.Cast(tensor, wide);
        return wide.ToArray<float>();
    }
}
