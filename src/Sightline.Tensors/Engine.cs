namespace Sightline.Tensors;

/// <summary>
/// The seam between models and hardware: a fixed list of kernels, forward and backward, on contiguous tensors. Shapes are
/// checked above (in <see cref="Ops.Op"/>); an engine may assume them. Kernels write their results into tensors that the caller
/// allocated. This class is partial: every operation declares its kernels in its own file under <c>Ops/</c>, beside the
/// shape rule and the gradient.
/// </summary>
public abstract partial class Engine
{
    /// <summary>The engine used where none is named: managed SIMD kernels on the processor.</summary>
    public static Engine Default { get; set; } = Cpu.CpuEngine.Instance;

    /// <summary>For error messages and the <c>doctor</c> command.</summary>
    public abstract string Name { get; }

    /// <summary>True where <see cref="Tensor.AsSpan{T}"/> works.</summary>
    public abstract bool IsHostMemory { get; }

    /// <summary>Bytes of tensors that are alive.</summary>
    public abstract long LiveBytes { get; }

    /// <summary>A new tensor with arbitrary contents.</summary>
    public abstract Tensor Allocate(Shape shape, DType type);

    /// <summary>All bytes zero.</summary>
    public abstract void Clear(Tensor target);

    /// <summary>Every element the same value, rounded to the element type.</summary>
    public abstract void Fill(Tensor target, float value);

    /// <summary>The same elements; shapes may differ as long as the counts agree.</summary>
    public abstract void Copy(Tensor source, Tensor target);

    /// <summary>The same values in another element type: floats round to nearest even, integers truncate toward zero and saturate.</summary>
    public abstract void Cast(Tensor source, Tensor target);

    /// <summary>target += source, element by element, in the element type's arithmetic (float32 for the 16-bit floats, then rounded).</summary>
    public abstract void Accumulate(Tensor source, Tensor target);

    /// <summary>Bytes from managed or mapped memory to the target's bytes from <paramref name="offset"/> on (a tensor may be larger than a span).</summary>
    public abstract void Upload(ReadOnlySpan<byte> source, Tensor target, long offset = 0);

    /// <summary>The source's bytes from <paramref name="offset"/> on, as many as the span holds or the tensor has.</summary>
    public abstract void Download(Tensor source, Span<byte> target, long offset = 0);
}
