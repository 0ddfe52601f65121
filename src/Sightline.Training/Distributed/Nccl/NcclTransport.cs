using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Distributed.Nccl;

/// <summary>
/// Tensors from GPU to GPU. As <see cref="HostTransport"/> does it, and with the same bits: each owner is sent the parts of what it owns and adds them itself, from rank 0 on.
/// NCCL's own reductions add in an order that depends on algorithm, size and topology. Everything is put into the engine's stream, so that it runs after the kernels
/// that make the gradients and before those that use the sums.
/// </summary>
internal sealed class NcclTransport : ITensorTransport, IDisposable
{
    private const int UsualPiece = 16 << 20; // bytes that a rank gets from each other one at a time
    private static readonly TimeSpan UsualInterval = TimeSpan.FromMilliseconds(250);

    private readonly Communicator _ranks;
    private readonly NcclLibrary _nccl;
    private readonly ICudaMemory _device;
    private readonly int _piece;
    private readonly nint _communicator;
    private readonly NcclWatch _watch;

    /// <summary>Joins the other ranks; collective.</summary>
    /// <param name="ranks">Over whose network the ranks find each other.</param>
    /// <param name="nccl">The library.</param>
    /// <param name="device">Where the tensors lie.</param>
    /// <param name="pieceBytes">How much travels between two ranks at a time; a multiple of 4.</param>
    /// <param name="interval">How often errors are looked for.</param>
    /// <exception cref="SightlineException">Network: they do not come together.</exception>
    public NcclTransport(Communicator ranks, NcclLibrary nccl, ICudaMemory device, int pieceBytes = UsualPiece, TimeSpan? interval = null)
    {
        (_ranks, _nccl, _device, _piece) = (ranks, nccl, device, pieceBytes);
        var name = ranks.IsRoot ? nccl.NewId().ToArray() : new byte[NcclUniqueId.Length];
        ranks.Broadcast(name, root: 0);
        nint joined = 0;
        device.OnDevice(() => joined = nccl.Join(ranks.Size, NcclUniqueId.From(name), ranks.Rank));
        _communicator = joined;
        _watch = new NcclWatch(nccl, joined, interval ?? UsualInterval);
    }

    public void SumToOwners(IReadOnlyList<(Tensor Tensor, int Owner)> tensors) => ByType(tensors, Sum);

    public void CopyFromOwners(IReadOnlyList<(Tensor Tensor, int Owner)> tensors) => ByType(tensors, Copy);

    /// <summary>Leaves the communicator.</summary>
    public void Dispose() => _watch.Dispose();

    private void ByType(IReadOnlyList<(Tensor Tensor, int Owner)> tensors, Action<TensorRow[], DType, Engine> work)
    {
        if (tensors.Count == 0) return;
        _watch.Require();
        using var none = Tape.NoGrad();
        foreach (var group in tensors.GroupBy(entry => entry.Tensor.DType).OrderBy(group => group.Key)) work(TensorRow.OfOwners(group, _ranks.Size), group.Key, tensors[0].Tensor.Engine);
        if (tensors.FirstOrDefault(entry => entry.Tensor.Count > 0).Tensor is { } any) any.Engine.Download(any, new byte[any.DType.Size()]); // waits for the stream
        _watch.Require();
    }

    private void Sum(TensorRow[] rows, DType type, Engine engine)
    {
        var (own, width) = (_ranks.Rank, type.Size());
        for (long start = 0; start < rows.Max(row => row.Bytes); start += _piece)
        {
            var lengths = Lengths(rows, start);
            using var send = Tensor.Empty([(lengths.Sum() - lengths[own]) / width], type, engine);
            using var receive = Tensor.Empty([lengths[own] / width * (rows.Length - 1)], type, engine);
            for (int rank = 0, at = 0; rank < rows.Length; rank++)
            {
                if (rank != own) at = Pack(rows[rank], start, lengths[rank], send, at);
            }

            Exchange(() =>
            {
                var (stream, source, target) = (_device.Stream, AddressOf(send), AddressOf(receive));
                for (var rank = 0; rank < rows.Length; rank++)
                {
                    if (rank == own) continue;
                    if (lengths[rank] > 0) _nccl.Send(source, lengths[rank], rank, _communicator, stream);
                    if (lengths[own] > 0) _nccl.Receive(target, lengths[own], rank, _communicator, stream);
                    source += lengths[rank];
                    target += lengths[own];
                }
            });
            foreach (var (tensor, offset, at, length) in rows[own].Parts(start, lengths[own]))
            {
                using var sum = Elements(tensor, offset / width, length / width);
                Add(sum, rank => Elements(receive, ((rank < own ? rank : rank - 1) * (long)lengths[own] / width) + (at / width), length / width));
            }
        }
    }

    private void Copy(TensorRow[] rows, DType type, Engine engine)
    {
        var (own, width) = (_ranks.Rank, type.Size());
        for (long start = 0; start < rows.Max(row => row.Bytes); start += _piece)
        {
            var lengths = Lengths(rows, start);
            using var all = Tensor.Empty([lengths.Sum() / width], type, engine);
            Pack(rows[own], start, lengths[own], all, lengths[..own].Sum() / width);
            Exchange(() =>
            {
                var (stream, address) = (_device.Stream, AddressOf(all));
                for (var rank = 0; rank < rows.Length; address += lengths[rank++])
                {
                    if (lengths[rank] > 0) _nccl.Broadcast(address, lengths[rank], rank, _communicator, stream);
                }
            });
            for (int rank = 0, first = 0; rank < rows.Length; first += lengths[rank++] / width)
            {
                if (rank == own) continue;
                foreach (var (tensor, offset, at, length) in rows[rank].Parts(start, lengths[rank]))
                {
                    using var source = Elements(all, first + (at / width), length / width);
                    using var target = Elements(tensor, offset / width, length / width);
                    engine.Copy(source, target);
                }
            }
        }
    }

    /// <summary>Adds one tensor's parts up, from rank 0 on; numbers of 16 bits in float32, rounded once at the end.</summary>
    private void Add(Tensor sum, Func<int, Tensor> partOf)
    {
        var (own, engine) = (_ranks.Rank, sum.Engine);
        if (sum.DType == DType.Float32)
        {
            if (own > 0)
            {
                using var before = partOf(0);
                for (var rank = 1; rank < own; rank++) AddPart(rank, before);
                engine.Accumulate(before, sum); // a + b is b + a to the bit
            }

            for (var rank = own + 1; rank < _ranks.Size; rank++) AddPart(rank, sum);
            return;
        }

        if (sum.DType is not (DType.BFloat16 or DType.Float16)) throw new ShapeException($"gradients of {sum.DType} cannot be added up");
        using var wide = Tensor.Zeros(sum.Shape, DType.Float32, engine);
        using var next = Tensor.Empty(sum.Shape, DType.Float32, engine);
        for (var rank = 0; rank < _ranks.Size; rank++)
        {
            using var part = rank == own ? sum.Detach() : partOf(rank);
            engine.Cast(part, rank == 0 ? wide : next);
            if (rank > 0) engine.Accumulate(next, wide);
        }

        engine.Cast(wide, sum);

        void AddPart(int rank, Tensor target)
        {
            using var part = partOf(rank);
            engine.Accumulate(part, target);
        }
    }

    /// <summary>Puts calls into the stream as one: none of them waits for the others.</summary>
    private void Exchange(Action calls) => _device.OnDevice(() =>
    {
        _nccl.GroupStart();
        calls();
        _nccl.GroupEnd(_communicator);
    });

    private nint AddressOf(Tensor tensor) => tensor.Count == 0 ? 0 : _device.AddressOf(tensor);

    private int[] Lengths(TensorRow[] rows, long start) => [.. rows.Select(row => row.Length(start, _piece))];

    /// <summary>Copies a piece of a row into a buffer on the device, from an element on; where it ends there.</summary>
    private static int Pack(TensorRow row, long start, int length, Tensor buffer, int first)
    {
        var width = buffer.DType.Size();
        foreach (var (tensor, offset, at, part) in row.Parts(start, length))
        {
            using var source = Elements(tensor, offset / width, part / width);
            using var target = Elements(buffer, first + (at / width), part / width);
            buffer.Engine.Copy(source, target);
        }

        return first + (length / width);
    }

    /// <summary>Some elements of a tensor in a row, in its memory.</summary>
    private static Tensor Elements(Tensor tensor, long start, int count)
    {
        using var flat = Op.Reshape(tensor, -1);
        return Op.Slice(flat, 0, checked((int)start), count);
    }
}
