using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// Group normalisation; <paramref name="stats"/> [N, groups, 2] float32 receives mean and 1 / √(variance + eps). w and b [C] may be null.
        /// </summary>
        public abstract void GroupNorm(Tensor x, Tensor? w, Tensor? b, Tensor y, Tensor stats, int groups, float eps, bool channelsLast);

        /// <summary>Gradients of <see cref="GroupNorm"/>; those that are null are not wanted.</summary>
        public abstract void GroupNormBackward(Tensor x, Tensor? w, Tensor stats, Tensor dy, Tensor? dx, Tensor? dw, Tensor? db, int groups, bool channelsLast);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Group normalisation.</content>
    public static partial class Op
    {
        /// <summary>Group normalisation (Wu and He 2018): each sample's channels in equal groups, normalised over the group and all positions.</summary>
        /// <param name="x">[N, C, ...], or [N, ..., C] with <paramref name="channelsLast"/>.</param>
        /// <param name="groups">Divides C.</param>
        /// <param name="w">[C] or null for 1.</param>
        /// <param name="b">[C] or null for 0.</param>
        /// <param name="eps">Added to the variance.</param>
        /// <param name="channelsLast">Where the channels are.</param>
        public static Tensor GroupNorm(Tensor x, int groups, Tensor? w, Tensor? b, float eps = 1e-5f, bool channelsLast = false)
        {
            RequireFloat("GroupNorm", x);
            if (x.Shape.Rank < 2) throw new ShapeException($"GroupNorm: {x} needs a batch and a channel axis");
            var channels = channelsLast ? x.Shape[^1] : x.Shape[1];
            if (groups < 1 || channels % groups != 0) throw new ShapeException($"GroupNorm: {channels} channels of {x} do not divide into {groups} groups");
            RequireVector("GroupNorm", w, channels);
            RequireVector("GroupNorm", b, channels);
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            var stats = Tensor.Empty([x.Shape[0], groups, 2], DType.Float32, x.Engine);
            x.Engine.GroupNorm(x, w, b, y, stats, groups, eps, channelsLast);
            if (Tape.Wants(x, w, b)) return Tape.Add(new GroupNormNode(x, w, b, stats, groups, channelsLast), y);
            stats.Dispose();
            return y;
        }

        private sealed class GroupNormNode(Tensor x, Tensor? w, Tensor? b, Tensor stats, int groups, bool channelsLast) : TapeNode
        {
            internal override void Backward()
            {
                var (dx, dw, db) = (EmptyGrad(x), EmptyGrad(w), EmptyGrad(b));
                x.Engine.GroupNormBackward(x, w, stats, OutputGrad, dx, dw, db, groups, channelsLast);
                AccumulateIf(x, dx);
                AccumulateIf(w, dw);
                AccumulateIf(b, db);
            }
        }
    }
}
