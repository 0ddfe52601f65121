using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>y[m, :] = x[ids[m], :]; rows of <paramref name="columns"/> elements of any type. An id outside 0 .. N-1 is an error.</summary>
        public abstract void GatherRows(Tensor x, Tensor ids, Tensor y, int columns);

        /// <summary>
        /// y[ids[m], :] += x[m, :] for ascending m after y was cleared; float32 sums rounded once. Rows whose id is <paramref name="skip"/> are left out.
        /// </summary>
        public abstract void ScatterAddRows(Tensor x, Tensor ids, Tensor y, int columns, long skip);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Rows by number.</content>
    public static partial class Op
    {
        /// <summary>Rows of x by number: [N, ...] and ids of any shape [M...] give [M..., ...]. The gradient adds up where an id occurs several times, in the order of the ids.</summary>
        /// <param name="x">[N, ...]</param>
        /// <param name="ids">int64, each in 0 .. N-1.</param>
        /// <exception cref="ShapeException">An id is out of range.</exception>
        public static Tensor IndexRows(Tensor x, Tensor ids) => Gather("IndexRows", x, ids, skip: -1);

        /// <summary>Token vectors: w [V, C] and ids [...] give [..., C]. The row <paramref name="paddingIdx"/> gets no gradient.</summary>
        public static Tensor Embedding(Tensor w, Tensor ids, int? paddingIdx = null) => Gather("Embedding", w, ids, paddingIdx ?? -1);

        /// <summary>
        /// The counterpart of <see cref="IndexRows"/>: rows [M, ...] are put at ids [M] into [count, ...]; rows with one id are added, the others are zero.
        /// </summary>
        public static Tensor ScatterRows(Tensor rows, Tensor ids, int count)
        {
            RequireFloat("ScatterRows", rows);
            RequireIds("ScatterRows", ids);
            if (rows.Shape.Rank == 0 || rows.Shape[0] != ids.Count) throw new ShapeException($"ScatterRows: {rows} with ids {ids}: one id a row");
            var y = Tensor.Empty(rows.Shape.With(0, count), rows.DType, rows.Engine);
            rows.Engine.ScatterAddRows(rows, ids, y, RowLength(rows), skip: -1);
            return Tape.Wants(rows) ? Tape.Add(new ScatterRowsNode(rows, ids), y) : y;
        }

        private static Tensor Gather(string op, Tensor x, Tensor ids, long skip)
        {
            RequireIds(op, ids);
            if (x.Shape.Rank == 0) throw new ShapeException($"{op}: {x} has no rows");
            if (ids.Shape.Rank + x.Shape.Rank - 1 > Shape.MaxRank) throw new ShapeException($"{op}: ids {ids} and rows {x} make more than {Shape.MaxRank} axes");
            Span<int> sizes = stackalloc int[ids.Shape.Rank + x.Shape.Rank - 1];
            for (var i = 0; i < ids.Shape.Rank; i++) sizes[i] = ids.Shape[i];
            for (var i = 1; i < x.Shape.Rank; i++) sizes[ids.Shape.Rank + i - 1] = x.Shape[i];
            var y = Tensor.Empty(new Shape(sizes), x.DType, x.Engine);
            x.Engine.GatherRows(x, ids, y, RowLength(x));
            return Tape.Wants(x) ? Tape.Add(new GatherNode(x, ids, skip), y) : y;
        }

        private static int RowLength(Tensor x)
        {
            long length = 1;
            for (var i = 1; i < x.Shape.Rank; i++) length *= x.Shape[i];
            return checked((int)length);
        }

        private static void RequireIds(string op, Tensor ids)
        {
            if (ids.DType != DType.Int64) throw new ShapeException($"{op}: ids must be int64, got {ids}");
        }

        private sealed class GatherNode(Tensor x, Tensor ids, long skip) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.ScatterAddRows(OutputGrad, ids, dx, RowLength(x), skip);
                Tape.Accumulate(x, dx);
            }
        }

        private sealed class ScatterRowsNode(Tensor rows, Tensor ids) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(rows.Shape, rows.DType, rows.Engine);
                rows.Engine.GatherRows(OutputGrad, ids, dx, RowLength(rows));
                Tape.Accumulate(rows, dx);
            }
        }
    }
}
