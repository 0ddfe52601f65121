using System.Runtime.CompilerServices;

namespace Sightline.Tensors;

/// <summary>
/// The sizes of a tensor's axes, slowest first. At most <see cref="MaxRank"/> axes, kept inline so that shapes
/// cost no managed memory. A rank of 0 is a scalar.
/// </summary>
[CollectionBuilder(typeof(Shape), nameof(Create))]
public readonly struct Shape : IEquatable<Shape>
{
    /// <summary>The most axes a tensor can have.</summary>
    public const int MaxRank = 6;

    private readonly Axes _axes;
    private readonly byte _rank;

    /// <summary>Builds a shape from its sizes. Throws when there are more than six or one is negative.</summary>
    public Shape(params ReadOnlySpan<int> sizes)
    {
        if (sizes.Length > MaxRank) throw new ShapeException($"Shape: {sizes.Length} axes, at most {MaxRank} are supported");
        _rank = (byte)sizes.Length;
        for (var i = 0; i < sizes.Length; i++)
        {
            if (sizes[i] < 0) throw new ShapeException($"Shape: axis {i} has the negative size {sizes[i]}");
            _axes[i] = sizes[i];
        }
    }

    /// <summary>Number of axes.</summary>
    public int Rank => _rank;

    /// <summary>Number of axes, under the name that index-from-end needs.</summary>
    public int Length => _rank;

    /// <summary>The size of an axis; <c>shape[^1]</c> is the last.</summary>
    public int this[int axis] => (uint)axis < _rank
        ? _axes[axis]
        : throw new ShapeException($"Shape: axis {axis} of {this}, which has {_rank} axes");

    /// <summary>Number of elements: the product of the sizes.</summary>
    public long Count
    {
        get
        {
            long count = 1;
            for (var i = 0; i < _rank; i++) count *= _axes[i];
            return count;
        }
    }

    /// <summary>The product of all sizes but the last: rows, when the tensor is read as a matrix.</summary>
    public int Rows
    {
        get
        {
            long rows = 1;
            for (var i = 0; i < _rank - 1; i++) rows *= _axes[i];
            return checked((int)rows);
        }
    }

    /// <summary>The size of the last axis; 1 for a scalar.</summary>
    public int Columns => _rank == 0 ? 1 : _axes[_rank - 1];

    /// <summary>Builder for collection expressions.</summary>
    public static Shape Create(ReadOnlySpan<int> sizes) => new(sizes);

    /// <summary>Collection expressions need an enumerator.</summary>
    public IEnumerator<int> GetEnumerator()
    {
        for (var i = 0; i < _rank; i++) yield return _axes[i];
    }

    /// <summary>The sizes as an array.</summary>
    public int[] ToArray()
    {
        var sizes = new int[_rank];
        for (var i = 0; i < _rank; i++) sizes[i] = _axes[i];
        return sizes;
    }

    /// <summary>This shape with one axis of another size.</summary>
    public Shape With(int axis, int size)
    {
        Span<int> sizes = stackalloc int[_rank];
        for (var i = 0; i < _rank; i++) sizes[i] = i == axis ? size : _axes[i];
        return new Shape(sizes);
    }

    /// <summary>This shape with the last axis of another size.</summary>
    public Shape WithLast(int size) => With(_rank - 1, size);

    /// <inheritdoc/>
    public bool Equals(Shape other)
    {
        if (_rank != other._rank) return false;
        for (var i = 0; i < _rank; i++)
        {
            if (_axes[i] != other._axes[i]) return false;
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Shape other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        for (var i = 0; i < _rank; i++) hash.Add(_axes[i]);
        return hash.ToHashCode();
    }

    /// <summary>Equal sizes on every axis.</summary>
    public static bool operator ==(Shape left, Shape right) => left.Equals(right);

    /// <summary>Not equal on some axis.</summary>
    public static bool operator !=(Shape left, Shape right) => !left.Equals(right);

    /// <summary>As in error messages: <c>[4, 8]</c>.</summary>
    public override string ToString() => $"[{string.Join(", ", ToArray())}]";

    [InlineArray(MaxRank)]
    private struct Axes
    {
        private int _first;
    }
}

/// <summary>Shapes or element types that an operation cannot take; the message names the operation, the shapes and the fix.</summary>
public sealed class ShapeException(string message) : ArgumentException(message);
