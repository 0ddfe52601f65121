namespace Sightline.Verification;

/// <summary>How a tensor of a case compares with the reference.</summary>
/// <param name="Case">The case.</param>
/// <param name="Tensor">Its name in the reference.</param>
/// <param name="Count">Numbers compared.</param>
/// <param name="Largest">Largest difference; NaN where ours is not a number and the reference is.</param>
/// <param name="Mean">Mean difference.</param>
/// <param name="Tolerance">What was allowed.</param>
/// <param name="Passed">Whether every number is within it.</param>
/// <param name="Worst">Where the difference is furthest beyond or nearest to its limit: the flat index among the compared numbers, theirs and ours.</param>
public sealed record TensorDifference(
    string Case, string Tensor, long Count, double Largest, double Mean, Tolerance Tolerance, bool Passed, (long Index, double Reference, double Ours) Worst)
{
    internal static TensorDifference Of(string caseName, string tensor, ReadOnlySpan<double> reference, ReadOnlySpan<double> ours, Tolerance tolerance)
    {
        if (reference.Length != ours.Length)
            return new TensorDifference(caseName, tensor, ours.Length, double.NaN, double.NaN, tolerance, Passed: false, (0, reference.Length, ours.Length));
        var (largest, sum, excess) = (0.0, 0.0, double.NegativeInfinity);
        var worst = (Index: 0L, Reference: 0.0, Ours: 0.0);
        for (var i = 0; i < reference.Length; i++)
        {
            var difference = reference[i].Equals(ours[i]) ? 0 : Math.Abs(reference[i] - ours[i]);
            var beyond = difference - (tolerance.Absolute + (tolerance.Relative * Math.Abs(reference[i])));
            if (beyond > excess || (double.IsNaN(difference) && !double.IsNaN(excess))) (excess, worst) = (beyond, (i, reference[i], ours[i]));
            if (!(difference <= largest)) largest = difference;
            sum += difference;
        }

        var mean = reference.Length == 0 ? 0 : sum / reference.Length;
        var passed = reference.Length == 0 || (excess <= 0 && mean <= tolerance.Mean);
        return new TensorDifference(caseName, tensor, reference.Length, largest, mean, tolerance, passed, worst);
    }
}
