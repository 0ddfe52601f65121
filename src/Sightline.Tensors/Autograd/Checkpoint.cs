namespace Sightline.Tensors.Autograd;

/// <summary>
/// Activation checkpointing (Chen et al. 2016, "Training deep nets with sublinear memory cost"): a part of the model keeps
/// only its input and result, and is computed again when the gradient arrives. Same bits as without: the kernels are
/// deterministic and the random stream is put back to where it was.
/// </summary>
public static class Checkpoint
{
    /// <summary>
    /// y = part(x). While recording, the part's inner results are freed at once and computed again in the backward pass.
    /// Parameters that the part uses receive their gradients as usual.
    /// </summary>
    /// <param name="part">The computation; must depend on nothing that changes until the backward pass.</param>
    /// <param name="x">Its input.</param>
    /// <param name="random">The stream that the part draws from (dropout), if any.</param>
    public static Tensor Run(Func<Tensor, Tensor> part, Tensor x, RandomStream? random = null)
    {
        if (!Tape.IsRecording) return part(x);
        var state = random?.State ?? 0;
        Tensor y;
        using (var scope = TensorScope.Open())
        using (Tape.NoGrad())
        {
            y = part(x);
            if (ReferenceEquals(y, x)) return x;
            scope.Keep(y);
        }

        return Tape.Add(new Node(part, x, random, state), y);
    }

    private sealed class Node(Func<Tensor, Tensor> part, Tensor x, RandomStream? random, ulong state) : TapeNode
    {
        private readonly bool _hasIndependentRows = RowIndependence.IsRequired;

        internal override void Backward()
        {
            var now = random?.State ?? 0;
            if (random is not null) random.State = state;
            using var tape = Tape.Record();
            var input = x.Detach();
            input.RequiresGrad = x.RequiresGrad;
            var y = Compute(input);
            if (y.RequiresGrad) tape.Backward(y, OutputGrad.Share());
            if (random is not null) random.State = now;
            if (input.Grad is not { } gradient) return;
            input.Grad = null;
            Tape.Accumulate(x, gradient);
        }

        /// <summary>In the order of sums of the forward pass: the same bits again.</summary>
        private Tensor Compute(Tensor input)
        {
            if (!_hasIndependentRows) return part(input);
            using var rows = RowIndependence.Require();
            return part(input);
        }
    }
}
