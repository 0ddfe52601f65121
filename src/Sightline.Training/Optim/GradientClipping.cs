using Sightline.Nn;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Optim;

namespace Sightline.Training.Optim;

/// <summary>The norm of all gradients together, and its limit; as torch.nn.utils.clip_grad_norm_.</summary>
public static class GradientClipping
{
    /// <summary>The norm over all parameters, in float64 over each tensor's norm.</summary>
    public static double Norm(IEnumerable<Parameter> parameters, NormKind kind = NormKind.Two)
    {
        double total = 0;
        foreach (var parameter in parameters)
        {
            if (parameter.Value.Grad is not { } gradient) continue;
            total = kind switch
            {
                NormKind.Two => total + gradient.Engine.SquaredNorm(gradient),
                NormKind.One => total + gradient.Engine.Norm(gradient, kind),
                _ => Math.Max(total, gradient.Engine.Norm(gradient, kind)),
            };
        }

        return kind == NormKind.Two ? Math.Sqrt(total) : total;
    }

    /// <summary>
    /// min(1, limit / (norm + 1e-6)), in float32 as torch has it: hand it to <see cref="AdamW.Step"/>, which saves a pass over the gradients. NaN or infinite
    /// norms give NaN or 0: check the norm first.
    /// </summary>
    public static float Coefficient(double norm, double limit) => MathF.Min(1, (float)limit / ((float)norm + 1e-6f));

    /// <summary>Scales the gradients in place so that their norm stays within the limit. Returns the norm before.</summary>
    public static double Clip(IReadOnlyCollection<Parameter> parameters, double limit, NormKind kind = NormKind.Two)
    {
        var norm = Norm(parameters, kind);
        var coefficient = Coefficient(norm, limit);
        if (coefficient == 1) return norm;
        foreach (var parameter in parameters)
        {
            if (parameter.Value.Grad is { } gradient) gradient.Engine.Unary(UnaryKind.Scale, gradient, gradient, coefficient);
        }

        return norm;
    }
}
