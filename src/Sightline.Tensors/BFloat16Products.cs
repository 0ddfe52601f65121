namespace Sightline.Tensors;

/// <summary>
/// While one is open on a thread, matrix products may round float32 operands to bfloat16 (to nearest even) and still sum in float32, where the processor multiplies pairs of
/// bfloat16 faster than float32; everything else, results too, stays float32. What PyTorch calls the "medium" precision of float32 products. Training takes it well: a rounded
/// operand is off by at most 2^-9 of itself, and the errors of a sum are independent. Where the processor has no such instruction products stay as they are.
/// </summary>
public readonly ref struct BFloat16Products : IDisposable
{
    [ThreadStatic]
    private static int s_open;
    private readonly bool _isOpen;

    private BFloat16Products(bool allow)
    {
        _isOpen = allow;
        if (allow) s_open++;
    }

    /// <summary>Whether one is open on this thread.</summary>
    public static bool AreAllowed => s_open > 0;

    /// <summary>Opens one, or one that changes nothing; dispose it on the same thread.</summary>
    public static BFloat16Products Allow(bool allow = true) => new(allow);

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        if (_isOpen) s_open--;
    }
}
