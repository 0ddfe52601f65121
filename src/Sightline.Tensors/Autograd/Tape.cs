namespace Sightline.Tensors.Autograd;

/// <summary>
/// Records the operations of this thread while it is open and carries gradients back through them. Reverse mode: nodes
/// are visited last to first, each once. Gradients of leaves (tensors with <see cref="Tensor.RequiresGrad"/> that no
/// recorded operation made) stay in <see cref="Tensor.Grad"/> and add up over several backward passes; gradients of
/// intermediate results are freed as soon as they are used.
/// </summary>
/// <example><code>
/// using var scope = TensorScope.Open();
/// using var tape = Tape.Record();
/// var loss = model.Loss(batch);
/// tape.Backward(loss);
/// </code></example>
public sealed class Tape : IDisposable
{
    [ThreadStatic]
    private static Tape? s_current;

    [ThreadStatic]
    private static List<TapeNode>? s_spare;

    private static readonly List<TapeNode> s_none = [];

    private readonly List<TapeNode> _nodes;
    private readonly Tape? _outer;
    private readonly bool _records;
    private bool _ended;

    private Tape(bool records)
    {
        _records = records;
        _nodes = records ? s_spare ?? new List<TapeNode>(1024) : s_none;
        if (records) s_spare = null;
        _outer = s_current;
        s_current = this;
    }

    /// <summary>True while operations on this thread are recorded.</summary>
    public static bool IsRecording => s_current is { _records: true };

    /// <summary>Number of recorded operations.</summary>
    public int Count => _nodes.Count;

    /// <summary>Opens a tape on this thread; disposing it ends the recording and forgets the nodes.</summary>
    public static Tape Record() => new(records: true);

    /// <summary>Switches recording off on this thread until disposed.</summary>
    public static Tape NoGrad() => new(records: false);

    /// <summary>Carries d loss / d loss = 1 back to all leaves. The loss must be one float32 number.</summary>
    public void Backward(Tensor loss)
    {
        if (loss.Count != 1) throw new ShapeException($"Backward: the loss must be one number, got {loss}");
        var seed = Tensor.Full(loss.Shape, 1f, loss.Engine);
        Backward(loss, seed);
    }

    /// <summary>Carries a given gradient of an output back to all leaves. Takes over <paramref name="gradient"/>.</summary>
    public void Backward(Tensor output, Tensor gradient)
    {
        if (output.Shape != gradient.Shape) throw new ShapeException($"Backward: the gradient {gradient} does not fit the output {output}");
        using var off = NoGrad();
        Accumulate(output, gradient);
        for (var i = _nodes.Count - 1; i >= 0; i--)
        {
            var node = _nodes[i];
            if (!node.IsReached) continue;
            using var scope = TensorScope.Open();
            node.Backward();
            node.ReleaseGradients();
        }
    }

    /// <summary>Ends the recording.</summary>
    public void Dispose()
    {
        if (s_current == this) s_current = _outer;
        if (!_records || _ended) return;
        _ended = true;
        _nodes.Clear();
        s_spare = _nodes; // a tape a step would otherwise be garbage a step
    }

    /// <summary>True when an operation on these inputs must be recorded.</summary>
    internal static bool Wants(Tensor a) => IsRecording && a.RequiresGrad;

    internal static bool Wants(Tensor a, Tensor? b) => IsRecording && (a.RequiresGrad || b is { RequiresGrad: true });

    internal static bool Wants(Tensor a, Tensor? b, Tensor? c) =>
        IsRecording && (a.RequiresGrad || b is { RequiresGrad: true } || c is { RequiresGrad: true });

    internal static bool Wants(ReadOnlySpan<Tensor> inputs)
    {
        if (!IsRecording) return false;
        foreach (var input in inputs)
        {
            if (input.RequiresGrad) return true;
        }

        return false;
    }

    /// <summary>Puts a node on the tape and marks its output as carrying a gradient. Returns the output.</summary>
    internal static Tensor Add(TapeNode node, Tensor output)
    {
        node.Output = output;
        output.RequiresGrad = true;
        s_current!._nodes.Add(node);
        return output;
    }

    /// <summary>For nodes with several outputs, which they mark themselves.</summary>
    internal static void Add(TapeNode node) => s_current!._nodes.Add(node);

    /// <summary>
    /// Adds a gradient to what has already arrived at a tensor, taking it over. The first arrival is kept as it is; later
    /// ones are added in place where nobody else shares the memory.
    /// </summary>
    internal static void Accumulate(Tensor target, Tensor gradient)
    {
        if (!target.RequiresGrad || ReferenceEquals(target.Grad, gradient)) return;
        TensorScope.Current?.Remove(gradient);
        if (target.Grad is not { } existing)
        {
            target.Grad = gradient;
            return;
        }

        if (existing.IsSoleOwner)
        {
            target.Engine.Accumulate(gradient, existing);
            gradient.Dispose();
            return;
        }

        var sum = existing.Clone();
        TensorScope.Current?.Remove(sum);
        target.Engine.Accumulate(gradient, sum);
        gradient.Dispose();
        target.ClearGrad();
        target.Grad = sum;
    }

    /// <summary>As <see cref="Accumulate"/> for a gradient that passes through unchanged: shares its memory instead of copying.</summary>
    internal static void AccumulateShared(Tensor target, Tensor gradient)
    {
        if (target.RequiresGrad) Accumulate(target, gradient.Share());
    }

    /// <summary>
    /// A buffer for a kernel that can write (<paramref name="beta"/> 0) or add (1): the existing gradient where it may be
    /// overwritten, else a new one. Finish with <see cref="Accumulate"/>.
    /// </summary>
    internal static Tensor GradBuffer(Tensor target, out float beta)
    {
        if (target.Grad is { IsSoleOwner: true } existing)
        {
            beta = 1;
            return existing;
        }

        beta = 0;
        return Tensor.Empty(target.Shape, target.DType, target.Engine);
    }
}
