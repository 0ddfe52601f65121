using Sightline.Tensors.Autograd;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// Rotates each pair (x_i, x_{i + D/2}) of the last axis by an angle: y_i = x_i cos - x_{i + D/2} sin, y_{i + D/2} = x_{i + D/2} cos + x_i sin.
        /// With heads first x is [B, H, L, D] and the tables [B, L, D/2], else x is [B, L, H, D].
        /// <paramref name="inverse"/> turns back.
        /// </summary>
        public abstract void Rotate(Tensor x, Tensor cos, Tensor sin, Tensor y, bool headsFirst, bool inverse);

        /// <summary>
        /// y [..., K F] from x [..., K]: for each coordinate F numbers, sin and cos in turn of x · scale / temperature^(2 ⌊f / 2⌋ / F); the first two
        /// coordinates change places with <paramref name="exchange"/>.
        /// </summary>
        public abstract void SinePositions(Tensor x, Tensor y, int features, float temperature, float scale, bool exchange);

        /// <summary>dx of <see cref="SinePositions"/>.</summary>
        public abstract void SinePositionsBackward(Tensor x, Tensor dy, Tensor dx, int features, float temperature, float scale, bool exchange);
    }
}

namespace Sightline.Tensors.Ops
{
    /// <content>Positions as angles.</content>
    public static partial class Op
    {
        /// <summary>Cosines and sines for <see cref="Rope(Tensor, Tensor, Tensor, bool)"/>: angle position / theta^(2 i / dim), worked out in float64.</summary>
        /// <param name="positions">int64 [B, L]</param>
        /// <param name="dim">Channels of a head, even.</param>
        /// <param name="theta">Base of the wavelengths.</param>
        /// <returns>Two float32 tensors [B, L, dim / 2].</returns>
        public static (Tensor Cos, Tensor Sin) RopeTables(Tensor positions, int dim, double theta = 10000)
        {
            RequireIds("RopeTables", positions);
            var at = positions.ToArray<long>();
            var half = dim / 2;
            var (cos, sin) = (new float[at.Length * half], new float[at.Length * half]);
            for (var i = 0; i < half; i++)
            {
                var frequency = Math.Pow(theta, -2.0 * i / dim);
                for (var p = 0; p < at.Length; p++)
                {
                    var (s, c) = Math.SinCos(at[p] * frequency);
                    cos[(p * half) + i] = (float)c;
                    sin[(p * half) + i] = (float)s;
                }
            }

            Shape shape = [positions.Shape[0], positions.Shape[1], half];
            return (Tensor.From(cos, shape, positions.Engine), Tensor.From(sin, shape, positions.Engine));
        }

        /// <summary>Rotary position embedding (Su et al. 2021) in the rotate-half form: channel i is paired with i + D / 2.</summary>
        /// <param name="x">[B, H, L, D] with heads first, else [B, L, H, D]. D even.</param>
        /// <param name="cos">float32 [B, L, D / 2], or [1, L, D / 2] for all samples.</param>
        /// <param name="sin">As <paramref name="cos"/>.</param>
        /// <param name="headsFirst">Order of the axes of x.</param>
        public static Tensor Rope(Tensor x, Tensor cos, Tensor sin, bool headsFirst = true)
        {
            RequireFloat("Rope", x);
            var fits = x.Shape.Rank == 4 && cos.Shape.Rank == 3 && cos.Shape == sin.Shape && 2 * cos.Shape[2] == x.Shape[3]
                && cos.Shape[1] == x.Shape[headsFirst ? 2 : 1] && (cos.Shape[0] == x.Shape[0] || cos.Shape[0] == 1);
            if (!fits) throw new ShapeException($"Rope: tables {cos} do not fit {x} ({(headsFirst ? "[B, H, L, D]" : "[B, L, H, D]")})");
            var y = Tensor.Empty(x.Shape, x.DType, x.Engine);
            x.Engine.Rotate(x, cos, sin, y, headsFirst, inverse: false);
            return Tape.Wants(x) ? Tape.Add(new RopeNode(x, cos, sin, headsFirst), y) : y;
        }

        /// <summary>Sinusoidal embedding of normalised coordinates, as the decoders of DAB-DETR (Liu et al. 2022) and Grounding DINO embed their queries.</summary>
        /// <param name="x">[..., K]: coordinates, usually in 0..1.</param>
        /// <param name="features">Numbers for each coordinate, even.</param>
        /// <param name="temperature">Base of the wavelengths.</param>
        /// <param name="scale">Angle of a coordinate of 1 at the shortest wavelength.</param>
        /// <param name="exchange">Put the second coordinate first (y before x).</param>
        /// <returns>[..., K features], float32.</returns>
        public static Tensor SinePositionEmbedding(Tensor x, int features, float temperature = 10000, float scale = 2 * MathF.PI, bool exchange = true)
        {
            if (x.DType != DType.Float32 || x.Shape.Rank == 0 || features < 2 || features % 2 != 0)
                throw new ShapeException($"SinePositionEmbedding: expected float32 [..., K] and an even number of features, got {x} and {features}");
            var y = Tensor.Empty(x.Shape.WithLast(x.Shape[^1] * features), DType.Float32, x.Engine);
            x.Engine.SinePositions(x, y, features, temperature, scale, exchange);
            return Tape.Wants(x) ? Tape.Add(new SinePositionNode(x, features, temperature, scale, exchange), y) : y;
        }

        private sealed class RopeNode(Tensor x, Tensor cos, Tensor sin, bool headsFirst) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, x.DType, x.Engine);
                x.Engine.Rotate(OutputGrad, cos, sin, dx, headsFirst, inverse: true);
                Tape.Accumulate(x, dx);
            }
        }

        private sealed class SinePositionNode(Tensor x, int features, float temperature, float scale, bool exchange) : TapeNode
        {
            internal override void Backward()
            {
                var dx = Tensor.Empty(x.Shape, DType.Float32, x.Engine);
                x.Engine.SinePositionsBackward(x, OutputGrad, dx, features, temperature, scale, exchange);
                Tape.Accumulate(x, dx);
            }
        }
    }
}
