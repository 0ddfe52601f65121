namespace Sightline.Tensors;

/// <summary>
/// Disposes every tensor that was created on this thread while it was open. Scopes nest; <see cref="Keep"/> hands a
/// tensor to the enclosing scope. Parameters are made outside scopes (or with <see cref="Tensor.AsParameter"/>).
/// </summary>
/// <example><code>using var scope = TensorScope.Open(); var y = scope.Keep(model.Forward(x));</code></example>
public sealed class TensorScope : IDisposable
{
    [ThreadStatic]
    private static TensorScope? s_current;

    [ThreadStatic]
    private static Stack<TensorScope>? s_spare;

    private readonly List<Tensor> _tensors = new(256);
    private TensorScope? _parent;
    private bool _open;

    private TensorScope()
    {
    }

    /// <summary>The innermost open scope of this thread, or null.</summary>
    public static TensorScope? Current => s_current;

    /// <summary>Opens a scope on this thread. Must be disposed on the same thread, innermost first.</summary>
    public static TensorScope Open()
    {
        var spare = s_spare ??= new Stack<TensorScope>();
        var scope = spare.Count > 0 ? spare.Pop() : new TensorScope();
        scope._parent = s_current;
        scope._open = true;
        s_current = scope;
        return scope;
    }

    /// <summary>Moves a tensor to the enclosing scope, or to the caller where there is none.</summary>
    public Tensor Keep(Tensor tensor)
    {
        if (Take(tensor)) _parent?.Add(tensor);
        return tensor;
    }

    /// <summary>Ends the scope and disposes what it still holds.</summary>
    public void Dispose()
    {
        if (!_open) return;
        if (s_current != this) throw new InvalidOperationException("tensor scopes must end innermost first, on the thread that opened them");
        _open = false;
        s_current = _parent;
        _parent = null;
        for (var i = _tensors.Count - 1; i >= 0; i--) _tensors[i].Dispose();
        _tensors.Clear();
        s_spare!.Push(this);
    }

    internal void Add(Tensor tensor) => _tensors.Add(tensor);

    /// <summary>Takes a tensor out of the scope that holds it: this one or one around it.</summary>
    internal void Remove(Tensor tensor)
    {
        for (var scope = this; scope is not null && !scope.Take(tensor); scope = scope._parent)
        {
        }
    }

    private bool Take(Tensor tensor)
    {
        // the tensor to keep is nearly always among the last ones
        for (var i = _tensors.Count - 1; i >= 0; i--)
        {
            if (!ReferenceEquals(_tensors[i], tensor)) continue;
            _tensors[i] = _tensors[^1];
            _tensors.RemoveAt(_tensors.Count - 1);
            return true;
        }

        return false;
    }
}
