using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Ops;

/// <summary>
/// The operations that models are written in. Each file holds one: its formula, shape rule, what it saves, and its gradient.
/// Kernels are behind <see cref="Engine"/>. Results belong to the current <see cref="TensorScope"/>.
/// </summary>
public static partial class Op
{
    /// <summary>
    /// The same elements under another shape; shares memory. One size may be -1 and is worked out from the others.
    /// </summary>
    /// <exception cref="ShapeException">The element counts differ.</exception>
    public static Tensor Reshape(Tensor x, params ReadOnlySpan<int> sizes)
    {
        var shape = ResolveShape(x, sizes);
        var y = x.View(shape);
        return Tape.Wants(x) ? Tape.Add(new ReshapeNode(x), y) : y;
    }

    private static Shape ResolveShape(Tensor x, ReadOnlySpan<int> sizes)
    {
        Span<int> resolved = stackalloc int[sizes.Length];
        sizes.CopyTo(resolved);
        var free = sizes.IndexOf(-1);
        if (free >= 0)
        {
            long known = 1;
            for (var i = 0; i < sizes.Length; i++) known *= i == free ? 1 : sizes[i];
            if (known == 0 || x.Count % known != 0) throw new ShapeException($"Reshape: {x} does not fit [{string.Join(", ", sizes.ToArray())}]");
            resolved[free] = checked((int)(x.Count / known));
        }

        var shape = new Shape(resolved);
        return shape.Count == x.Count ? shape : throw new ShapeException($"Reshape: {x} has {x.Count} elements, {shape} has {shape.Count}");
    }

    private sealed class ReshapeNode(Tensor x) : TapeNode
    {
        internal override void Backward() => Tape.Accumulate(x, OutputGrad.View(x.Shape));
    }
}
