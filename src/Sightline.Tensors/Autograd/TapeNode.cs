namespace Sightline.Tensors.Autograd;

/// <summary>
/// One recorded operation: what its gradient needs (inputs, saved results), and the rule that carries the gradient of the
/// output to the inputs. Lives in the file of its operation.
/// </summary>
internal abstract class TapeNode
{
    /// <summary>The (first) result of the operation.</summary>
    internal Tensor Output = null!;

    /// <summary>True when a gradient has arrived at an output.</summary>
    internal virtual bool IsReached => Output.Grad is not null;

    /// <summary>d loss / d Output.</summary>
    protected Tensor OutputGrad => Output.Grad!;

    /// <summary>
    /// Computes the gradients of the inputs and hands them to <see cref="Tape.Accumulate"/>. Runs in a scope of its own:
    /// temporaries need no disposing.
    /// </summary>
    internal abstract void Backward();

    /// <summary>Frees the gradients of the outputs, which nobody needs any more.</summary>
    internal virtual void ReleaseGradients() => Output.ClearGrad();
}
