using Sightline.Tensors.Optim;

namespace Sightline.Tensors.Tests.Reference;

internal sealed partial class ReferenceEngine
{
    public override void AdamWStep(Tensor parameter, Tensor gradient, Tensor first, Tensor second, in AdamWSettings settings, Tensor? largest = null, Tensor? copy = null)
    {
        var s = settings;
        var (w, g, m, v) = (Read(parameter), Read(gradient), Read(first), Read(second));
        var top = largest is null ? null : Read(largest);
        for (var i = 0; i < w.Length; i++)
        {
            g[i] = (s.GradientScale * g[i]) + (s.Decoupled ? 0 : s.WeightDecay * w[i]);
            if (s.Decoupled) w[i] *= 1 - (s.LearningRate * s.WeightDecay);
            m[i] = (s.Beta1 * m[i]) + ((1 - s.Beta1) * g[i]);
            v[i] = (s.Beta2 * v[i]) + ((1 - s.Beta2) * g[i] * g[i]);
            if (top is not null) top[i] = Math.Max(top[i], v[i]);
            var root = Math.Sqrt(top?[i] ?? v[i]) / Math.Sqrt(1 - Math.Pow(s.Beta2, s.Step));
            w[i] -= s.LearningRate / (1 - Math.Pow(s.Beta1, s.Step)) * m[i] / (root + s.Epsilon);
        }

        Write(parameter, w);
        Write(first, m);
        Write(second, v);
        WriteIf(largest, top ?? []);
        WriteIf(copy, w);
    }

    public override void SgdStep(Tensor parameter, Tensor gradient, Tensor? velocity, in SgdSettings settings)
    {
        var s = settings;
        var (w, g) = (Read(parameter), Read(gradient));
        var u = velocity is null ? null : Read(velocity);
        for (var i = 0; i < w.Length; i++)
        {
            g[i] = (s.GradientScale * g[i]) + (s.WeightDecay * w[i]);
            if (u is not null)
            {
                u[i] = (s.Momentum * u[i]) + g[i];
                g[i] = s.Nesterov ? g[i] + (s.Momentum * u[i]) : u[i];
            }

            w[i] -= s.LearningRate * g[i];
        }

        Write(parameter, w);
        WriteIf(velocity, u ?? []);
    }

    public override void MoveAverage(Tensor target, Tensor source, float decay)
    {
        var (average, values) = (Read(target), Read(source));
        for (var i = 0; i < values.Length; i++) average[i] = (decay * average[i]) + ((1 - decay) * values[i]);
        Write(target, average);
    }

    public override double SquaredNorm(Tensor x) => Read(x).Sum(value => value * value);

    public override double Norm(Tensor x, NormKind kind) => kind switch
    {
        NormKind.One => Read(x).Sum(Math.Abs),
        NormKind.Infinity => Read(x).Aggregate(0.0, (largest, value) => Math.Max(largest, Math.Abs(value))),
        _ => Math.Sqrt(SquaredNorm(x)),
    };
}
