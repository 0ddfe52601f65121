using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// y[b, q, h, :] = Σ over levels l and points p of weights · the bilinear sample (zero outside) of value [B, S, H, D] at locations [B, Q, H, L, P, 2]
        /// in 0..1 of level l. <paramref name="levels"/> holds height and width of each level; S is the sum of their areas. Float32.
        /// </summary>
        public abstract void DeformableAttention(Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor y);

        /// <summary>Gradients of <see cref="DeformableAttention"/>; those that are null are not wanted.</summary>
        public abstract void DeformableAttentionBackward(
            Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor dy, Tensor? dValue, Tensor? dLocations, Tensor? dWeights);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Attention to a few places.</content>
    public static partial class Op
    {
        /// <summary>Multi-scale deformable attention (Zhu et al. 2021), the sampling without the projections. B batch, Q queries, H heads, D channels, L levels, P points.</summary>
        /// <param name="value">[B, S, H, D], S the sum of the levels' areas.</param>
        /// <param name="levels">Height and width of each level, in the order in which they lie in S.</param>
        /// <param name="locations">[B, Q, H, L, P, 2]: (x, y) in 0..1 of the level; outside it the value is zero.</param>
        /// <param name="weights">[B, Q, H, L, P]</param>
        /// <returns>[B, Q, H D]</returns>
        public static Tensor DeformableAttention(Tensor value, (int Height, int Width)[] levels, Tensor locations, Tensor weights)
        {
            var area = 0;
            foreach (var (height, width) in levels) area += height * width;
            if (value.Shape.Rank != 4 || locations.Shape.Rank != 6 || weights.Shape.Rank != 5
                || value.Shape[1] != area || locations.Shape[3] != levels.Length || locations.Shape[5] != 2
                || locations.Shape[2] != value.Shape[2] || locations.Shape[0] != value.Shape[0]
                || weights.Shape != new Shape(locations.Shape.ToArray().AsSpan(0, 5)))
                throw new ShapeException($"DeformableAttention: value {value} over {levels.Length} levels of area {area}, locations {locations}, weights {weights} do not belong together");
            if (value.DType != DType.Float32) return Cast(DeformableAttention(Cast(value, DType.Float32), levels, locations, weights), value.DType);
            (locations, weights) = (Cast(locations, DType.Float32), Cast(weights, DType.Float32));
            var y = Tensor.Empty([value.Shape[0], locations.Shape[1], value.Shape[2] * value.Shape[3]], DType.Float32, value.Engine);
            value.Engine.DeformableAttention(value, levels, locations, weights, y);
            return Tape.Wants(value, locations, weights) ? Tape.Add(new DeformableAttentionNode(value, levels, locations, weights), y) : y;
        }

        private sealed class DeformableAttentionNode(Tensor value, (int Height, int Width)[] levels, Tensor locations, Tensor weights) : TapeNode
        {
            internal override void Backward()
            {
                var (dValue, dLocations, dWeights) = (EmptyGrad(value), EmptyGrad(locations), EmptyGrad(weights));
                value.Engine.DeformableAttentionBackward(value, levels, locations, weights, OutputGrad, dValue, dLocations, dWeights);
                AccumulateIf(value, dValue);
                AccumulateIf(locations, dLocations);
                AccumulateIf(weights, dWeights);
            }
        }
    }
}
