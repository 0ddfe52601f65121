using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Testing;
using Sightline.Training.Optim;

namespace Sightline.Training.Tests.Optim;

[Collection(Alone.Name)]
public sealed class MuonTests : TensorTest
{
    [Theory]
    [InlineData(16, 64)]
    [InlineData(64, 16)]
    [InlineData(48, 48)]
    public void Orthogonalised_matrices_keep_their_singular_vectors_and_have_singular_values_near_one(int rows, int columns)
    {
        using var scope = TensorScope.Open();
        var rank = Math.Min(rows, columns);
        // U diag(σ) Vᵀ with σ from 1 down to 0.02: what comes back in that basis must be about the identity
        var u = Orthonormal(rows, rank, 1);
        var v = Orthonormal(columns, rank, 2);
        var sigma = Enumerable.Range(0, rank).Select(i => MathF.Pow(0.02f, i / (rank - 1f))).ToArray();
        var matrix = new float[rows * columns];
        for (var r = 0; r < rows; r++)
        {
            for (var c = 0; c < columns; c++)
            {
                for (var k = 0; k < rank; k++) matrix[(r * columns) + c] += 7 * u[k][r] * sigma[k] * v[k][c];
            }
        }

        var y = Muon.Orthogonalize(Tensor.From(matrix, [rows, columns])).AsSpan<float>();
        for (var a = 0; a < rank; a++)
        {
            for (var b = 0; b < rank; b++)
            {
                double dot = 0;
                for (var r = 0; r < rows; r++)
                {
                    for (var c = 0; c < columns; c++) dot += u[a][r] * (double)y[(r * columns) + c] * v[b][c];
                }

                if (a == b) Assert.InRange(dot, 0.4, 1.6);
                else Assert.InRange(dot, -1e-3, 1e-3);
            }
        }
    }

    [Fact]
    public void A_step_moves_every_matrix_by_half_a_learning_rate_an_element_and_decays_it()
    {
        using var store = ParameterStore.Initialize(5);
        _ = store.Root.Get("weight", [32, 128], Initializer.TruncatedNormal());
        var parameter = store.All.Single();
        var before = parameter.Value.AsSpan<float>().ToArray();
        using var muon = new Muon(store.All, weightDecay: _ => 0.1);
        using (TensorScope.Open())
        {
            using var tape = Tape.Record();
            tape.Backward(Op.Sum(Op.Mul(parameter.Value, Tensor.From(Enumerable.Range(0, 32 * 128).Select(i => MathF.Sin(i * i)).ToArray(), [32, 128]))));
        }

        muon.Step(0.01);
        double sum = 0;
        var after = parameter.Value.AsSpan<float>();
        for (var i = 0; i < before.Length; i++) sum += Math.Pow(after[i] - (before[i] * (1 - (0.01 * 0.1))), 2);
        // 32 singular values near 1 over 32 x 128 elements, times 0.5 √128: a root mean square of 0.5
        Assert.InRange(Math.Sqrt(sum / before.Length) / 0.01, 0.35, 0.65);
    }

    [Fact]
    public void Tables_vectors_and_depthwise_kernels_are_not_taken()
    {
        using var store = ParameterStore.Initialize(5);
        _ = new Embedding(store.Root / "words", 64, 64);
        _ = new Conv2d(store.Root / "depthwise", 64, 64, kernel: 9, groups: 64);
        _ = new LayerNorm(store.Root / "norm", 64);
        Assert.DoesNotContain(store.All, Muon.Takes);
        _ = new Linear(store.Root / "linear", 64, 64);
        _ = new Conv2d(store.Root / "dense", 64, 64, kernel: 3);
        Assert.Equal(["dense.weight", "linear.weight"], store.All.Where(Muon.Takes).Select(parameter => parameter.Path).Order());
        Assert.Throws<ArgumentException>(() => new Muon(store.All));
    }

    /// <summary>Gram-Schmidt on random vectors.</summary>
    private static float[][] Orthonormal(int length, int count, ulong seed)
    {
        var random = new RandomStream(seed);
        var vectors = new List<double[]>();
        while (vectors.Count < count)
        {
            var x = Enumerable.Range(0, length).Select(_ => random.NextDouble() - 0.5).ToArray();
            foreach (var earlier in vectors)
            {
                var along = x.Zip(earlier, (p, q) => p * q).Sum();
                for (var i = 0; i < length; i++) x[i] -= along * earlier[i];
            }

            var norm = Math.Sqrt(x.Sum(value => value * value));
            vectors.Add([.. x.Select(value => value / norm)]);
        }

        return [.. vectors.Select(vector => vector.Select(value => (float)value).ToArray())];
    }
}
