using Sightline.Tensors.Memory;

namespace Sightline.Tensors;

/// <summary>
/// The seam between models and hardware: a fixed list of kernels, forward and backward, on contiguous tensors. An engine is one
/// place to compute: the processor, or one device. It makes its own tensors over its own <see cref="TensorStorage"/>; an operation runs
/// on the engine of its first operand, and all operands must be that engine's (<see cref="Tensor.To"/> copies). This class is
/// partial: every operation declares its kernels in its own file under <c>Ops/</c>, beside the shape rule and the gradient.
/// </summary>
/// <remarks>
/// What a kernel may assume: shapes and element types were checked above (in <see cref="Ops.Op"/>), and its results are tensors that
/// the caller allocated, with arbitrary contents. What it must hold to: arithmetic in float32 or better and one rounding to the
/// element type; empty tensors do nothing; elementwise kernels (<see cref="Unary"/>, <see cref="Binary"/>, <see cref="Cast"/> within one
/// size, <see cref="Dropout"/>) may be given a result that is one of their operands; the same call gives the same bits again, and a
/// row of a product does not depend on its neighbours while <see cref="RowIndependence"/> is required. A device may run behind the caller as
/// long as <see cref="Download"/> waits.
/// </remarks>
public abstract partial class Engine
{
    /// <summary>An engine whose tensors are counted by a meter (a new one where null).</summary>
    protected Engine(MemoryMeter? memory = null) => Memory = memory ?? new MemoryMeter();

    /// <summary>The engine of new tensors where none is named; at first managed SIMD kernels on the processor.</summary>
    public static Engine Default { get; set; } = Cpu.CpuEngine.Instance;

    /// <summary>For error messages and the <c>doctor</c> command.</summary>
    public abstract string Name { get; }

    /// <summary>Counts the bytes of tensors that are alive; the same for every engine.</summary>
    public MemoryMeter Memory { get; }

    /// <summary>Bytes of tensors that are alive.</summary>
    public long LiveBytes => Memory.LiveBytes;

    /// <summary>How others reach tensors in the memory of an NVIDIA GPU; null for an engine that has none.</summary>
    public virtual ICudaMemory? Cuda => null;

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

    /// <summary>A tensor over new memory of this engine; takes over the storage's reference.</summary>
    protected Tensor Own(TensorStorage storage, Shape shape, DType type) => new(this, storage, 0, shape, type);

    /// <summary>The memory of an operand.</summary>
    /// <exception cref="InvalidOperationException">The tensor belongs to another engine.</exception>
    protected TStorage StorageOf<TStorage>(Tensor tensor)
        where TStorage : TensorStorage => ReferenceEquals(tensor.Engine, this)
        ? (TStorage)tensor.Storage
        : throw new InvalidOperationException($"{tensor} is in the memory of {tensor.Engine.Name}, but the operation runs on {Name}: copy it with Tensor.To");
}
