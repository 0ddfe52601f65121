namespace Sightline.Tensors;

public abstract partial class Engine
{
    /// <summary>
    /// c = a · b + bias (<paramref name="beta"/> 0) or c += a · b (1), for every entry of the leading axes; a rank-2 operand is
    /// shared by all. Element types may differ; the sum is in float32.
    /// </summary>
    /// <param name="a">[.., M, K], or [.., K, M] when transposed.</param>
    /// <param name="transposeA">Whether a is stored transposed.</param>
    /// <param name="b">[.., K, N], or [.., N, K] when transposed.</param>
    /// <param name="transposeB">Whether b is stored transposed.</param>
    /// <param name="bias">[N] added to every row, or null; only with beta 0.</param>
    /// <param name="c">[.., M, N].</param>
    /// <param name="beta">0 or 1.</param>
    public abstract void MatMul(Tensor a, bool transposeA, Tensor b, bool transposeB, Tensor? bias, Tensor c, float beta);

    /// <summary>y[N] (+)= the sum of the rows of x [.., N], in float32.</summary>
    public abstract void BiasGradient(Tensor x, Tensor y, float beta);
}
