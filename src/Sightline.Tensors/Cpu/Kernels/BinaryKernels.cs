using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu.Lanes;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>a + b.</summary>
internal readonly struct AddKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => a + b;
}

/// <summary>a - b.</summary>
internal readonly struct SubKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => a - b;
}

/// <summary>a b.</summary>
internal readonly struct MulKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => a * b;
}

/// <summary>a / b.</summary>
internal readonly struct DivKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => a / b;
}

/// <summary>The smaller; a NaN wins.</summary>
internal readonly struct MinimumKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => V.Min(a, b);
}

/// <summary>The larger; a NaN wins.</summary>
internal readonly struct MaximumKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => V.Max(a, b);
}

/// <summary>1 where a &lt; b, ½ where equal, 0 elsewhere: how the gradient of a minimum is shared.</summary>
internal readonly struct PrecedesKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => V.Select(V.Less(a, b), V.Create(1f), V.Select(V.Equal(a, b), V.Create(0.5f), V.Create(0f)));
}

/// <summary>b: the gradient as it is.</summary>
internal readonly struct SecondKernel : IBinaryKernel
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public V Invoke<V>(V a, V b)
        where V : struct, ILanes<V> => b;
}
