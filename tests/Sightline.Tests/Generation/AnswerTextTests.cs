using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Generation;
using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Generation;

public class AnswerTextTests
{
    private static readonly TokenVocabulary s_vocabulary = TokenVocabulary.Of((BytePairTokenizer)Tokenizer.Load(Fixtures.Path("models", "tiny-qwen2-vl")));

    [Fact]
    public void A_stop_text_is_held_back_until_it_is_certain()
    {
        var (pieces, text) = Follow("one </ans two </answer> three", ["</answer>"]);
        Assert.Equal("one </ans two ", text);
        Assert.Equal(text, string.Concat(pieces));
        Assert.DoesNotContain(pieces, piece => piece.EndsWith("</", StringComparison.Ordinal));
    }

    /// <summary>Cut anywhere into bytes: the pieces join to what stands before the first stop text, and no piece is ever taken back.</summary>
    [Fact]
    public void Pieces_join_to_the_text_before_the_first_stop() =>
        Prop.ForAll(
            Gen.Elements('a', 'b', 'é', '日', '\n').ArrayOf().Select(letters => new string(letters)).ToArbitrary(),
            Gen.Elements("ab", "ba", "aab", "é", "日b", "bbb", "").ArrayOf(2).ToArbitrary(),
            (all, stops) =>
            {
                var (pieces, text) = Follow(all, stops);
                var first = stops.Where(stop => stop.Length > 0).Select(stop => all.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(all.Length).Min();

                // the stop text that is reached first ends it, which may lie inside one that begins earlier
                Assert.True(all.StartsWith(text, StringComparison.Ordinal) && text.Length >= first, $"'{text}' of '{all}'");
                Assert.Equal(text, string.Concat(pieces));
                Assert.DoesNotContain('\uFFFD', text);
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Ends_count_bytes_and_never_reach_into_the_stop()
    {
        var text = new AnswerText(s_vocabulary, ["</a>"]);
        foreach (var value in Encoding.UTF8.GetBytes("é</a>")) text.Add(IdOf(value));
        Assert.Equal([1, 2, 2, 2, 2, 2], text.Ends);
        Assert.Equal("é", text.ToString());
    }

    private static (List<string> Pieces, string Text) Follow(string all, string[] stops)
    {
        var text = new AnswerText(s_vocabulary, stops);
        var pieces = new List<string>();
        foreach (var value in Encoding.UTF8.GetBytes(all))
        {
            if (text.Add(IdOf(value))) break;
            pieces.Add(text.TakeCertain());
        }

        pieces.Add(text.TakeRest());
        return (pieces, text.ToString());
    }

    private static int IdOf(byte value) => Enumerable.Range(0, 300).First(id => s_vocabulary.Bytes(id) is [var only] && only == value);
}
