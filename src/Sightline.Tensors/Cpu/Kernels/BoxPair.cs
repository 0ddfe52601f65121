using System.Runtime.CompilerServices;
using Sightline.Tensors.Ops;

namespace Sightline.Tensors.Cpu.Kernels;

/// <summary>
/// Similarity of two boxes xyxy and its gradient, in float64. <c>exact</c> is the pairwise form (no eps in the IoU and GIoU divisors, overlap
/// clamped at zero with no gradient there); otherwise the loss form (eps in every divisor, no overlap unless both sides are positive).
/// </summary>
internal readonly unsafe struct BoxPair(BoxIouKind kind, bool exact, double eps)
{
    private const double AspectFactor = 4 / (Math.PI * Math.PI);

    public double Similarity(float* a, float* b)
    {
        if (kind == BoxIouKind.Iou && exact) return PlainIou(a, b);
        return new Terms(this, a, b).Value;
    }

    /// <summary>The common case without the terms of the others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static double PlainIou(float* a, float* b)
    {
        var w = Math.Max(0, (double)Smaller(a[2], b[2]) - Larger(a[0], b[0]));
        var h = Math.Max(0, (double)Smaller(a[3], b[3]) - Larger(a[1], b[1]));
        var inter = w * h;
        return inter / ((((double)a[2] - a[0]) * ((double)a[3] - a[1])) + (((double)b[2] - b[0]) * ((double)b[3] - b[1])) - inter);
    }

    private static float Smaller(float x, float y) => x < y ? x : y;

    private static float Larger(float x, float y) => x > y ? x : y;


    /// <summary>Adds g · d similarity / d a to <paramref name="da"/> and likewise for b; either may be null.</summary>
    public void AddGradient(float* a, float* b, double g, double* da, double* db)
    {
        var terms = new Terms(this, a, b);
        terms.AddGradient(g, da, db);
    }

    private readonly BoxIouKind Kind => kind;

    private readonly bool Exact => exact;

    private readonly double Eps => eps;

    /// <summary>Everything that value and gradient share.</summary>
    private readonly struct Terms
    {
        private readonly BoxPair _form;
        private readonly float* _a;
        private readonly float* _b;
        private readonly double _w, _h, _inter, _divisor, _areaA, _areaB;     // overlap sides, areas
        private readonly double _cw, _ch, _hull, _union;                      // enclosing box
        private readonly double _dx, _dy, _distance, _diagonal;               // centres
        private readonly double _angle, _alpha;                               // aspect
        private readonly bool _overlaps;

        public Terms(BoxPair form, float* a, float* b)
        {
            _form = form;
            _a = a;
            _b = b;
            _w = Math.Min((double)a[2], b[2]) - Math.Max((double)a[0], b[0]);
            _h = Math.Min((double)a[3], b[3]) - Math.Max((double)a[1], b[1]);
            _overlaps = form.Exact || (_w > 0 && _h > 0);
            _inter = _overlaps ? Math.Max(_w, 0) * Math.Max(_h, 0) : 0;
            _areaA = ((double)a[2] - a[0]) * ((double)a[3] - a[1]);
            _areaB = ((double)b[2] - b[0]) * ((double)b[3] - b[1]);
            _union = _areaA + _areaB - _inter;
            _divisor = _union + (form.Exact ? 0 : form.Eps);
            var iou = _inter / _divisor;
            Value = iou;
            if (form.Kind == BoxIouKind.Iou) return;
            _cw = Math.Max((double)a[2], b[2]) - Math.Min((double)a[0], b[0]);
            _ch = Math.Max((double)a[3], b[3]) - Math.Min((double)a[1], b[1]);
            if (form.Kind == BoxIouKind.Giou)
            {
                _hull = (form.Exact ? Math.Max(_cw, 0) * Math.Max(_ch, 0) : _cw * _ch) + (form.Exact ? 0 : form.Eps);
                Value = iou - ((_hull - (form.Exact ? 0 : form.Eps) - _union) / _hull);
                return;
            }

            _dx = ((double)b[0] + b[2] - a[0] - a[2]) / 2;
            _dy = ((double)b[1] + b[3] - a[1] - a[3]) / 2;
            _distance = (_dx * _dx) + (_dy * _dy);
            _diagonal = (_cw * _cw) + (_ch * _ch) + form.Eps;
            Value = iou - (_distance / _diagonal);
            if (form.Kind == BoxIouKind.Diou) return;
            _angle = Math.Atan(((double)b[2] - b[0]) / ((double)b[3] - b[1])) - Math.Atan(((double)a[2] - a[0]) / ((double)a[3] - a[1]));
            var v = AspectFactor * _angle * _angle;
            _alpha = v / (1 - iou + v + form.Eps);
            Value -= _alpha * v;
        }

        public double Value { get; }

        public void AddGradient(double g, double* da, double* db)
        {
            // with respect to intersection and areas: IoU = I / D, D = A + B - I + eps
            var byInter = (1 / _divisor) + (_inter / (_divisor * _divisor));
            var byArea = -_inter / (_divisor * _divisor);
            double byCw = 0, byCh = 0, byDx = 0, byDy = 0;
            if (_form.Kind == BoxIouKind.Giou)
            {
                // - (C - U) / (C + eps), U = A + B - I
                byInter -= 1 / _hull;
                byArea += 1 / _hull;
                var eps = _form.Exact ? 0 : _form.Eps;
                var byHull = -(1 / _hull) + ((_hull - eps - _union) / (_hull * _hull));
                if (!_form.Exact || _cw > 0) byCw = byHull * (_form.Exact ? Math.Max(_ch, 0) : _ch);
                if (!_form.Exact || _ch > 0) byCh = byHull * (_form.Exact ? Math.Max(_cw, 0) : _cw);
            }
            else if (_form.Kind is BoxIouKind.Diou or BoxIouKind.Ciou)
            {
                var byDiagonal = _distance / (_diagonal * _diagonal);
                (byCw, byCh) = (byDiagonal * 2 * _cw, byDiagonal * 2 * _ch);
                (byDx, byDy) = (-2 * _dx / _diagonal, -2 * _dy / _diagonal);
            }

            var byW = _overlaps && _w > 0 ? byInter * Math.Max(_h, 0) : 0;
            var byH = _overlaps && _h > 0 ? byInter * Math.Max(_w, 0) : 0;
            if (da != null) AddTo(da, _a, _b, g, byW, byH, byArea, byCw, byCh, -byDx, -byDy, 1);
            if (db != null) AddTo(db, _b, _a, g, byW, byH, byArea, byCw, byCh, byDx, byDy, -1);
        }

        /// <summary>The part of one box; <paramref name="sign"/> is that of its angle in the aspect term.</summary>
        private void AddTo(double* d, float* own, float* other, double g, double byW, double byH, double byArea, double byCw, double byCh, double byDx, double byDy, int sign)
        {
            double width = (double)own[2] - own[0], height = (double)own[3] - own[1];
            var (byWidth, byHeight) = (byArea * height, byArea * width);
            if (_form.Kind == BoxIouKind.Ciou)
            {
                // v = 4/π² (angle_b - angle_a)², α fixed
                var byAngle = _alpha * 2 * AspectFactor * _angle * sign;
                var square = (width * width) + (height * height);
                byWidth += byAngle * height / square;
                byHeight -= byAngle * width / square;
            }

            d[0] += g * (-(byW * Later(own[0], other[0])) - (byCw * Later(other[0], own[0])) - byWidth + (byDx / 2));
            d[1] += g * (-(byH * Later(own[1], other[1])) - (byCh * Later(other[1], own[1])) - byHeight + (byDy / 2));
            d[2] += g * ((byW * Later(other[2], own[2])) + (byCw * Later(own[2], other[2])) + byWidth + (byDx / 2));
            d[3] += g * ((byH * Later(other[3], own[3])) + (byCh * Later(own[3], other[3])) + byHeight + (byDy / 2));
        }

        /// <summary>The share of a in max(a, b): 1 if larger, ½ if equal.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static double Later(float a, float b) => a > b ? 1 : a == b ? 0.5 : 0;
    }
}
