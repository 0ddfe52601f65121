using Sightline.Tensors.Cpu;

namespace Sightline.Tensors.Tests.Engines;

/// <summary>
/// The base of every class of tests that makes tensors: each test runs in a scope of its own, and at its end as many bytes are alive
/// as before, on the engine under test and on the processor. Derived classes say <c>[Collection(Alone.Name)]</c>, because the count is that
/// of the process; those whose tests hold for any engine say <c>[Trait("Engine", "each")]</c>, and single tests that look at the
/// processor's threads or instruction sets <c>[Trait("Engine", "cpu")]</c>.
/// </summary>
public abstract class TensorTest : IDisposable
{
    private readonly (Engine Engine, long Bytes)[] _before = [.. new[] { TestEngines.Selected, CpuEngine.Instance }.Distinct().Select(engine => (engine, engine.LiveBytes))];
    private readonly TensorScope _scope = TensorScope.Open();

    public void Dispose()
    {
        _scope.Dispose();
        foreach (var (engine, bytes) in _before) Assert.Equal(bytes, engine.LiveBytes);
        GC.SuppressFinalize(this);
    }
}
