namespace Sightline.Tensors;

/// <summary>
/// While one is open on a thread, a row of a matrix product has the same bits whatever other rows are computed with it: products of few rows sum in the order of
/// those of many. Generation needs this, so that an answer does not depend on its batch, and so does a learner whose log-probabilities
/// must equal the sampler's. Without it few rows are summed in an order that suits them better. Quantized products, attention and row-wise operations always
/// have this property.
/// </summary>
public readonly ref struct RowIndependence : IDisposable
{
    [ThreadStatic]
    private static int s_open;

    /// <summary>Whether one is open on this thread.</summary>
    public static bool IsRequired => s_open > 0;

    /// <summary>Opens one; dispose it on the same thread.</summary>
    public static RowIndependence Require()
    {
        s_open++;
        return default;
    }

    /// <summary>Ends it.</summary>
    public void Dispose() => s_open--;
}
