using Sightline.Generation;

namespace Sightline.Tests.Generation;

public class TokenConfidenceTests
{
    // é takes two bytes; one token holds a comma and the first digit of the next number
    private static readonly (string Text, double P)[] s_tokens =
        [("é [", 0.01), ("1", 0.9), ("0", 0.8), (", ", 0.1), ("2", 0.5), (", 3", 0.6), ("5", 0.7), (", ", 0.2), ("44", 0.4), ("] cup", 0.3), ("", 0.05)];

    private static readonly GenerationResult s_result = Result();

    [Fact]
    public void A_box_has_the_geometric_mean_of_its_numbers()
    {
        var expected = Math.Pow(0.9 * 0.8 * 0.5 * 0.6 * 0.7 * 0.4, 0.25);
        Assert.Equal(expected, TokenConfidence.OfNumbers(s_result, 2, "[10, 2, 35, 44]".Length)!.Value, 1e-6);
        Assert.Equal(0.4, TokenConfidence.OfNumbers(s_result, 13, 4)!.Value, 1e-6);
        Assert.Null(TokenConfidence.OfNumbers(s_result, 17, 4));
    }

    [Fact]
    public void A_text_has_the_product_of_its_tokens()
    {
        Assert.Equal(0.3, TokenConfidence.OfText(s_result, s_result.Text.Length - 3, 3), 1e-6);
        Assert.Equal(0.9 * 0.8, TokenConfidence.OfText(s_result, 3, 2), 1e-6);
        Assert.Throws<ArgumentOutOfRangeException>(() => TokenConfidence.OfText(s_result, 5, 100));
    }

    private static GenerationResult Result()
    {
        var ends = new List<int>();
        foreach (var (text, _) in s_tokens) ends.Add((ends.Count == 0 ? 0 : ends[^1]) + System.Text.Encoding.UTF8.GetByteCount(text));
        return new GenerationResult
        {
            Ids = [.. Enumerable.Range(0, s_tokens.Length)],
            LogProbabilities = [.. s_tokens.Select(token => (float)Math.Log(token.P))],
            Text = string.Concat(s_tokens.Select(token => token.Text)),
            TextEnds = ends,
            Reason = FinishReason.StopToken,
        };
    }
}
