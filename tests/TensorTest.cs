using System.Reflection;
using Sightline.Tensors.Memory;

namespace Sightline.Testing;

/// <summary>
/// The base of classes of tests that make tensors or models: after each test as many native bytes are alive as before it. It opens no scope: what a
/// test makes, the test or the code under test frees. Derived classes say <c>[Collection(Alone.Name)]</c>, because the count is that of the process.
/// </summary>
public abstract class TensorTest : IDisposable
{
    private readonly long _liveBefore = NativePool.Shared.LiveBytes;

    public void Dispose()
    {
        Free();
        Assert.Equal(_liveBefore, NativePool.Shared.LiveBytes);
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what the class keeps for a test, before the count.</summary>
    protected virtual void Free()
    {
    }

    /// <summary>
    /// The classes of an assembly with tests that do not count live bytes, or count them beside other tests. Those count that derive from this class,
    /// or have a field <c>_liveBefore</c> (whose own fields hold tensors, and are made before a base class is).
    /// </summary>
    internal static IEnumerable<Type> Uncounted(Assembly assembly, params string[] namespacesWithoutTensors) =>
        from type in assembly.GetTypes()
        where type.GetMethods().Any(method => method.IsDefined(typeof(FactAttribute), false))
        where !namespacesWithoutTensors.Any(name => type.Namespace == name || type.Namespace!.StartsWith(name + ".", StringComparison.Ordinal))
        where !(type.IsSubclassOf(typeof(TensorTest)) || type.GetField(nameof(_liveBefore), BindingFlags.Instance | BindingFlags.NonPublic) is not null)
            || type.GetCustomAttribute<CollectionAttribute>()?.Name != Alone.Name
        select type;
}
