using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Threading;

namespace Sightline.Tensors.Cpu;

public sealed partial class CpuEngine
{
    /// <inheritdoc/>
    public override unsafe void GridSample(Tensor x, Tensor grid, Tensor y, bool alignCorners)
    {
        var pieces = new GridPieces(GridWork.Forward, x.F32, grid.F32, y.F32, null, x.Shape, y.Shape, alignCorners);
        Parallel(ref pieces, y.Shape[0] * y.Shape[2]);
    }

    /// <inheritdoc/>
    public override unsafe void GridSampleBackward(Tensor x, Tensor grid, Tensor dy, Tensor? dx, Tensor? dGrid, bool alignCorners)
    {
        if (dx is not null)
        {
            Clear(dx);
            var pieces = new GridPieces(GridWork.Picture, x.F32, grid.F32, dy.F32, dx.F32, x.Shape, dy.Shape, alignCorners);
            Parallel(ref pieces, x.Shape[0] * x.Shape[1]);
        }

        if (dGrid is not null)
        {
            var pieces = new GridPieces(GridWork.Places, x.F32, grid.F32, dy.F32, dGrid.F32, x.Shape, dy.Shape, alignCorners);
            Parallel(ref pieces, dy.Shape[0] * dy.Shape[2]);
        }
    }

    private enum GridWork
    {
        /// <summary>y; a piece is a row of places.</summary>
        Forward,

        /// <summary>dx; a piece is a plane, so that no two pieces add to one pixel.</summary>
        Picture,

        /// <summary>d grid; a piece is a row of places.</summary>
        Places,
    }

    private readonly unsafe struct GridPieces(GridWork work, float* x, float* grid, float* y, float* gradient, Shape picture, Shape places, bool alignCorners) : IPieces
    {
        public void Run(int piece)
        {
            var (C, H, W, Ho, Wo) = (picture[1], picture[2], picture[3], places[2], places[3]);
            if (work == GridWork.Picture)
            {
                var n = piece / C;
                for (var i = 0; i < Ho * Wo; i++)
                    AddTo(gradient + ((long)piece * H * W), Sample(n, i, H, W, Ho * Wo), y[((long)piece * Ho * Wo) + i]);
                return;
            }

            var (sample, row) = (piece / Ho, piece % Ho);
            for (var column = 0; column < Wo; column++)
            {
                var i = (row * Wo) + column;
                var place = Sample(sample, i, H, W, Ho * Wo);
                if (work == GridWork.Forward) Read(place, sample, i, C, H * W, Ho * Wo);
                else Move(place, sample, i, C, H, W, Ho * Wo);
            }
        }

        private BilinearSample Sample(int n, int i, int H, int W, int count)
        {
            var at = grid + (2 * (((long)n * count) + i));
            return alignCorners
                ? new BilinearSample((at[0] + 1) / 2 * (W - 1), (at[1] + 1) / 2 * (H - 1), H, W)
                : new BilinearSample((((at[0] + 1) * W) - 1) / 2, (((at[1] + 1) * H) - 1) / 2, H, W);
        }

        private void Read(in BilinearSample place, int n, int i, int C, int plane, int count)
        {
            for (var c = 0; c < C; c++)
            {
                var source = x + ((((long)n * C) + c) * plane);
                var sum = 0f;
                if (place.NorthWest >= 0) sum += source[place.NorthWest] * place.NorthWestWeight;
                if (place.NorthEast >= 0) sum += source[place.NorthEast] * place.NorthEastWeight;
                if (place.SouthWest >= 0) sum += source[place.SouthWest] * place.SouthWestWeight;
                if (place.SouthEast >= 0) sum += source[place.SouthEast] * place.SouthEastWeight;
                y[((((long)n * C) + c) * count) + i] = sum;
            }
        }

        private static void AddTo(float* plane, in BilinearSample place, float g)
        {
            if (place.NorthWest >= 0) plane[place.NorthWest] += g * place.NorthWestWeight;
            if (place.NorthEast >= 0) plane[place.NorthEast] += g * place.NorthEastWeight;
            if (place.SouthWest >= 0) plane[place.SouthWest] += g * place.SouthWestWeight;
            if (place.SouthEast >= 0) plane[place.SouthEast] += g * place.SouthEastWeight;
        }

        /// <summary>How the value changes when the place moves, over all channels.</summary>
        private void Move(in BilinearSample place, int n, int i, int C, int H, int W, int count)
        {
            float alongX = 0, alongY = 0;
            for (var c = 0; c < C; c++)
            {
                var source = x + ((((long)n * C) + c) * H * W);
                var g = y[((((long)n * C) + c) * count) + i];
                var (nw, ne) = (place.NorthWest >= 0 ? source[place.NorthWest] : 0, place.NorthEast >= 0 ? source[place.NorthEast] : 0);
                var (sw, se) = (place.SouthWest >= 0 ? source[place.SouthWest] : 0, place.SouthEast >= 0 ? source[place.SouthEast] : 0);
                alongX += g * (((ne - nw) * (1 - place.Down)) + ((se - sw) * place.Down));
                alongY += g * (((sw - nw) * (1 - place.Right)) + ((se - ne) * place.Right));
            }

            var at = gradient + (2 * (((long)n * count) + i));
            at[0] = alongX * (alignCorners ? (W - 1) / 2f : W / 2f);
            at[1] = alongY * (alignCorners ? (H - 1) / 2f : H / 2f);
        }
    }
}
