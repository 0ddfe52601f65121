using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    private const int MaxLevels = 16;

    /// <inheritdoc/>
    public override unsafe void DeformableAttention(Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor y)
    {
        var sampler = new DeformableSampler(value, levels, locations, weights);
        var pieces = new DeformablePieces(sampler, y.F32);
        Parallel(ref pieces, locations.Shape[0] * locations.Shape[1]);
    }

    /// <inheritdoc/>
    public override unsafe void DeformableAttentionBackward(
        Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights, Tensor dy, Tensor? dValue, Tensor? dLocations, Tensor? dWeights)
    {
        var sampler = new DeformableSampler(value, levels, locations, weights);
        if (dValue is not null)
        {
            Clear(dValue);
            var pieces = new DeformableValuePieces(sampler, dy.F32, dValue.F32);
            Parallel(ref pieces, value.Shape[0] * value.Shape[2]);
        }

        if (dLocations is null && dWeights is null) return;
        var places = new DeformablePlacePieces(sampler, dy.F32, dLocations is null ? null : dLocations.F32, dWeights is null ? null : dWeights.F32);
        Parallel(ref places, locations.Shape[0] * locations.Shape[1]);
    }

    private unsafe struct DeformableSampler
    {
        public readonly int Q, H, D, L, P, S;
        public readonly float* Value;
        public readonly float* Weights;
        private readonly float* _locations;
        private fixed int _heights[MaxLevels];
        private fixed int _widths[MaxLevels];
        private fixed int _starts[MaxLevels];

        public DeformableSampler(Tensor value, ReadOnlySpan<(int Height, int Width)> levels, Tensor locations, Tensor weights)
        {
            if (levels.Length > MaxLevels) throw new ShapeException($"DeformableAttention: {levels.Length} levels, at most {MaxLevels} are supported");
            (S, H, D) = (value.Shape[1], value.Shape[2], value.Shape[3]);
            (Q, L, P) = (locations.Shape[1], locations.Shape[3], locations.Shape[4]);
            Value = value.F32;
            Weights = weights.F32;
            _locations = locations.F32;
            var start = 0;
            for (var l = 0; l < levels.Length; l++)
            {
                (_heights[l], _widths[l], _starts[l]) = (levels[l].Height, levels[l].Width, start);
                start += levels[l].Height * levels[l].Width;
            }
        }

        public readonly (int Height, int Width) Level(int l) => (_heights[l], _widths[l]);

        /// <summary>Place number i = (((b Q + q) H + h) L + l) P + p.</summary>
        public readonly BilinearSample Place(long i, int l) =>
            new((_locations[2 * i] * _widths[l]) - 0.5f, (_locations[(2 * i) + 1] * _heights[l]) - 0.5f, _heights[l], _widths[l]);

        /// <summary>Offset in value (or its gradient) of a pixel's D channels.</summary>
        public readonly long Pixel(long b, int l, int h, int offset) => ((((b * S) + _starts[l] + offset) * H) + h) * D;
    }

    /// <summary>One query, all heads.</summary>
    private readonly unsafe struct DeformablePieces(DeformableSampler s, float* y) : IPieces
    {
        public void Run(int piece)
        {
            long b = piece / s.Q;
            new Span<float>(y + ((long)piece * s.H * s.D), s.H * s.D).Clear();
            for (var h = 0; h < s.H; h++)
            {
                var target = y + ((((long)piece * s.H) + h) * s.D);
                for (var l = 0; l < s.L; l++)
                {
                    for (var p = 0; p < s.P; p++)
                    {
                        var i = (((((long)piece * s.H) + h) * s.L) + l) * s.P + p;
                        var place = s.Place(i, l);
                        if (place.IsOutside) continue;
                        var w = s.Weights[i];
                        if (place.NorthWest >= 0) AddScaled(s.Value + s.Pixel(b, l, h, place.NorthWest), target, s.D, w * place.NorthWestWeight);
                        if (place.NorthEast >= 0) AddScaled(s.Value + s.Pixel(b, l, h, place.NorthEast), target, s.D, w * place.NorthEastWeight);
                        if (place.SouthWest >= 0) AddScaled(s.Value + s.Pixel(b, l, h, place.SouthWest), target, s.D, w * place.SouthWestWeight);
                        if (place.SouthEast >= 0) AddScaled(s.Value + s.Pixel(b, l, h, place.SouthEast), target, s.D, w * place.SouthEastWeight);
                    }
                }
            }
        }
    }

    /// <summary>d value: one head of one sample, so that no two pieces add to one number; queries in order.</summary>
    private readonly unsafe struct DeformableValuePieces(DeformableSampler s, float* dy, float* dValue) : IPieces
    {
        public void Run(int piece)
        {
            var (b, h) = (piece / s.H, piece % s.H);
            for (var q = 0; q < s.Q; q++)
            {
                var row = ((((long)b * s.Q) + q) * s.H) + h;
                var g = dy + (row * s.D);
                for (var l = 0; l < s.L; l++)
                {
                    for (var p = 0; p < s.P; p++)
                    {
                        var i = (((row * s.L) + l) * s.P) + p;
                        var place = s.Place(i, l);
                        if (place.IsOutside) continue;
                        var w = s.Weights[i];
                        if (place.NorthWest >= 0) AddScaled(g, dValue + s.Pixel(b, l, h, place.NorthWest), s.D, w * place.NorthWestWeight);
                        if (place.NorthEast >= 0) AddScaled(g, dValue + s.Pixel(b, l, h, place.NorthEast), s.D, w * place.NorthEastWeight);
                        if (place.SouthWest >= 0) AddScaled(g, dValue + s.Pixel(b, l, h, place.SouthWest), s.D, w * place.SouthWestWeight);
                        if (place.SouthEast >= 0) AddScaled(g, dValue + s.Pixel(b, l, h, place.SouthEast), s.D, w * place.SouthEastWeight);
                    }
                }
            }
        }
    }

    /// <summary>d locations and d weights of one query.</summary>
    private readonly unsafe struct DeformablePlacePieces(DeformableSampler s, float* dy, float* dLocations, float* dWeights) : IPieces
    {
        public void Run(int piece)
        {
            long b = piece / s.Q;
            for (var h = 0; h < s.H; h++)
            {
                var g = dy + ((((long)piece * s.H) + h) * s.D);
                for (var l = 0; l < s.L; l++)
                {
                    for (var p = 0; p < s.P; p++) One(b, (((((((long)piece * s.H) + h) * s.L) + l) * s.P) + p), l, h, g);
                }
            }
        }

        private void One(long b, long i, int l, int h, float* g)
        {
            var place = s.Place(i, l);
            var nw = place.NorthWest < 0 ? 0 : Reductions.Dot(s.Value + s.Pixel(b, l, h, place.NorthWest), g, s.D);
            var ne = place.NorthEast < 0 ? 0 : Reductions.Dot(s.Value + s.Pixel(b, l, h, place.NorthEast), g, s.D);
            var sw = place.SouthWest < 0 ? 0 : Reductions.Dot(s.Value + s.Pixel(b, l, h, place.SouthWest), g, s.D);
            var se = place.SouthEast < 0 ? 0 : Reductions.Dot(s.Value + s.Pixel(b, l, h, place.SouthEast), g, s.D);
            var outside = place.IsOutside;
            if (dWeights != null)
                dWeights[i] = outside ? 0 : (nw * place.NorthWestWeight) + (ne * place.NorthEastWeight) + (sw * place.SouthWestWeight) + (se * place.SouthEastWeight);
            if (dLocations == null) return;
            var (height, width) = s.Level(l);
            var w = s.Weights[i];
            dLocations[2 * i] = outside ? 0 : w * width * (((ne - nw) * (1 - place.Down)) + ((se - sw) * place.Down));
            dLocations[(2 * i) + 1] = outside ? 0 : w * height * (((sw - nw) * (1 - place.Right)) + ((se - ne) * place.Right));
        }
    }
}
