using System.Diagnostics;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Training.Rewards;

namespace Sightline.Training.Tests.Rewards;

/// <summary>A model in training writes anything; a reward must neither break nor hang on it.</summary>
public class HostileAnswerTests
{
    private static readonly string[] s_solutions =
    [
        "<answer>[{'Position': [100, 100, 200, 200], 'Confidence': 1}]</answer>",
        "<answer>```json\n[{\"bbox_2d\": [100, 100, 300, 300], \"label\": \"cat\"}]\n```</answer>",
        "<answer> [100, 120, 300, 320] </answer>",
        "<answer>(1,2),(3,4)</answer>",
    ];

    private static readonly string[] s_pieces =
    [
        "<think>", "</think>", "<answer>", "</answer>", "```json", "```", "[", "]", "{", "}", "[[", "]]", "},", "(", ")", ",", ":", "'", "\"", "\n", " ", "\\", "\"bbox_2d\": ", "\"label\": ", "'Position': ", "'Confidence': ",
        "[1, 2, 3, 4]", "[NaN, Infinity, -Infinity, 1e400]", "[true, null, \"a\", {}]", "\"cat\"", "(100,100),(300,300)", "0", "-1.5", "99999999999999999999", "None", "İΣ", "１２", "\0", "\ud800",
    ];

    [Fact]
    public void OnlyErrorsOfTheOriginalAreThrown()
    {
        var texts = Gen.OneOf(ArbMap.Default.GeneratorFor<string>().Where(text => text is not null), Gen.Elements(s_pieces).ListOf().Select(pieces => string.Concat(pieces)));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1500), Prop.ForAll(texts.ToArbitrary(), Gen.Elements(s_solutions).ToArbitrary(), (text, solution) =>
        {
            foreach (var reward in RewardFunctions.All)
            {
                foreach (var one in new[] { new RewardCase(text, solution), new RewardCase(solution, text) })
                {
                    try
                    {
                        reward.Score(one);
                    }
                    catch (RewardException)
                    {
                        // the original's
                    }
                }
            }
        }));
    }

    [Fact]
    public void NoAnswerTakesLong()
    {
        foreach (var piece in new[] { "[", "{", "(", "<think>", "</think><answer>", "[{\"bbox_2d\"", "[{\"bbox_2d\" \"label\" }", "```json", "(1,2),(3", "<answer>{[1, 2, 3, 4]", " ", "\n", "{ [1,1,1,1] } " })
        {
            var text = "<think></think><answer>" + string.Concat(Enumerable.Repeat(piece, 3000));
            foreach (var reward in RewardFunctions.All)
            {
                var watch = Stopwatch.StartNew();
                try
                {
                    reward.Score(new RewardCase(text, s_solutions[0]));
                }
                catch (RewardException)
                {
                    // the original's
                }

                Assert.True(watch.Elapsed < TimeSpan.FromSeconds(5), $"{reward.Name} takes {watch.Elapsed} for 3000 times '{piece}'");
            }
        }
    }
}
