using Sightline.Testing;
using Sightline.Text;

namespace Sightline.Tests.Text;

public class WordPieceTokenizerTests
{
    private static readonly Tokenizer Bert = WordPieceTokenizer.FromVocabulary(Fixtures.Path("tokenizers", "bert", "vocab.txt"));

    [Fact]
    public void AllCasesAreIdentical() => TokenizerCases.CheckAll(Bert, "bert", "cases.jsonl");

    [Fact]
    public void TheFolderGivesTheSameTokenizer() =>
        TokenizerCases.CheckAll(Tokenizer.Load(Fixtures.Path("tokenizers", "bert")), "bert", "cases.jsonl");

    [Fact]
    public void OptionsAreFollowed()
    {
        var byOptions = new Dictionary<(bool, bool?), Tokenizer>();
        foreach (var row in TokenizerCases.Read("bert", "option_cases.jsonl"))
        {
            var lower = row.GetProperty("do_lower_case").GetBoolean();
            bool? strip = row.GetProperty("strip_accents").ValueKind == System.Text.Json.JsonValueKind.Null ? null : row.GetProperty("strip_accents").GetBoolean();
            if (!byOptions.TryGetValue((lower, strip), out var tokenizer))
            {
                byOptions[(lower, strip)] = tokenizer = WordPieceTokenizer.FromVocabulary(Fixtures.Path("tokenizers", "bert", "vocab.txt"), lower, strip);
            }

            var ids = new List<int>();
            tokenizer.Encode(row.GetProperty("text").GetString(), ids);
            Assert.Equal(TokenizerCases.Ints(row.GetProperty("input_ids")), ids);
        }

        Assert.Equal(4, byOptions.Count);
    }

    [Fact]
    public void ASavedTokenizerIsTheSame()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-text-");
        try
        {
            var original = WordPieceTokenizer.FromVocabulary(Fixtures.Path("tokenizers", "bert", "vocab.txt"), lowercase: false, stripAccents: true);
            original.Save(folder.FullName);
            var copy = Tokenizer.Load(folder.FullName);
            const string text = "Café ÀB\u0301 — the [MASK] 中文";
            var (a, b) = (new List<int>(), new List<int>());
            original.Encode(text, a);
            copy.Encode(text, b);
            Assert.Equal(a, b);
            Assert.Equal(original.VocabularySize, copy.VocabularySize);
            Assert.Empty(folder.GetFiles("*.part"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    [Fact]
    public void SteadyStateEncodingAllocatesNothing()
    {
        var ids = new List<int>(4096);
        var text = string.Join(' ', Enumerable.Repeat("the white blood cell left of the second Platelet, nai\u0308ve 中文.", 20));
        for (var i = 0; i < 3; i++)
        {
            ids.Clear();
            Bert.Encode(text, ids);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        ids.Clear();
        Bert.Encode(text, ids);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void CharOffsetsIndexTheString()
    {
        const string text = "the 🐱 cat";
        var result = Bert.Tokenize(text);
        var (start, end) = result.CharOffsets[^2];
        Assert.Equal("cat", text[start..end]);
        Assert.Equal((6, 9), result.Offsets[^2]);
    }
}
