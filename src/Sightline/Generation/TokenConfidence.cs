using System.Text;

namespace Sightline.Generation;

/// <summary>
/// How sure a model was of what it said, from the probabilities of the tokens that it said it with (beside a confidence that it may have spoken). The
/// probabilities are the model's own, before masks, temperature and filters (<see cref="GenerationResult.LogProbabilities"/>): a grammar that forced a token does not
/// make it likely.
/// </summary>
public static class TokenConfidence
{
    /// <summary>
    /// Of a box or a point: the geometric mean of the probabilities of its numbers, (p₁ p₂ p₃ p₄)^¼, where the probability of a number is the product of those of
    /// the tokens that hold its digits, each given all before it. So it is in 0..1, 1 where the model saw no alternative to any digit, does not depend on how many digits
    /// or tokens the numbers have, and leaves brackets, commas and labels out.
    /// </summary>
    /// <param name="result">An answer of an engine with a vocabulary.</param>
    /// <param name="start">Where the coordinates begin in the answer's text, in characters (<c>AnsweredBox.Start</c>).</param>
    /// <param name="length">Characters of the coordinates.</param>
    /// <returns>In 0..1; null where the range holds no number.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range is not in the text.</exception>
    public static double? OfNumbers(GenerationResult result, int start, int length)
    {
        ArgumentNullException.ThrowIfNull(result);
        var text = result.Text.AsSpan();
        var (numbers, sum, next) = (0, 0.0, 0); // next: the first token that has not been counted
        for (int i = start, end = start; i < start + length; i = end)
        {
            end = i + 1;
            if (!char.IsAsciiDigit(text[i])) continue;
            while (end < start + length && (char.IsAsciiDigit(text[end]) || (text[end] == '.' && end + 1 < start + length && char.IsAsciiDigit(text[end + 1])))) end++;
            sum += Sum(result, i, end - i, ref next);
            numbers++;
        }

        return numbers == 0 ? null : Math.Exp(sum / numbers);
    }

    /// <summary>Of a text such as a label: the product of the probabilities of the tokens that hold it, each given all before it.</summary>
    /// <param name="result">An answer of an engine with a vocabulary.</param>
    /// <param name="start">Where it begins in the answer's text, in characters.</param>
    /// <param name="length">Characters.</param>
    /// <returns>In 0..1.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The range is not in the text.</exception>
    public static double OfText(GenerationResult result, int start, int length)
    {
        ArgumentNullException.ThrowIfNull(result);
        var next = 0;
        return Math.Exp(Sum(result, start, length, ref next));
    }

    /// <summary>Log-probabilities of the tokens that share bytes with a range, from token <paramref name="next"/> on, so that none counts twice.</summary>
    private static double Sum(GenerationResult result, int start, int length, ref int next)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, result.Text.Length - length);
        var text = result.Text.AsSpan();
        var first = Encoding.UTF8.GetByteCount(text[..start]);
        var last = first + Encoding.UTF8.GetByteCount(text.Slice(start, length));
        var sum = 0.0;
        for (; next < result.TextEnds.Count; next++)
        {
            var begin = next == 0 ? 0 : result.TextEnds[next - 1];
            if (begin >= last) break;
            if (result.TextEnds[next] > first) sum += result.LogProbabilities[next];
        }

        return sum;
    }
}
