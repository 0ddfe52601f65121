using FsCheck;
using FsCheck.Fluent;
using Sightline.Testing;
using Sightline.Text;
using Sightline.Text.Normalization;

namespace Sightline.Tests.Text;

public class BytePairTokenizerTests(PublishedTokenizers tokenizers) : IClassFixture<PublishedTokenizers>
{
    [Fact]
    public void QwenCasesAreIdenticalFromBothForms()
    {
        var count = 0;
        foreach (var row in TokenizerCases.Read("qwen2", "tokenizer_cases.jsonl"))
        {
            var text = row.GetProperty("text").GetString()!;
            var ids = TokenizerCases.Ints(row.GetProperty("ids"));
            foreach (var tokenizer in (Tokenizer[])[tokenizers.Qwen2, tokenizers.Qwen2Separate])
            {
                for (var repeat = 0; repeat < 2; repeat++) Assert.Equal(ids, Ids(tokenizer, text));
                Assert.Equal(ids, tokenizer.Tokenize(text).Ids);
                Assert.Equal(row.GetProperty("decoded").GetString(), tokenizer.Decode(ids));
                Assert.Equal(row.GetProperty("decoded_skip_special").GetString(), tokenizer.Decode(ids, skipSpecialTokens: true));
            }

            count++;
        }

        Assert.Equal(347, count);
    }

    [Fact]
    public void QwenDecodeCasesAreIdentical()
    {
        var count = 0;
        foreach (var row in TokenizerCases.Read("qwen2", "decode_cases.jsonl"))
        {
            var ids = TokenizerCases.Ints(row.GetProperty("ids"));
            Assert.Equal(row.GetProperty("decoded").GetString(), tokenizers.Qwen2.Decode(ids));
            Assert.Equal(row.GetProperty("decoded_skip_special").GetString(), tokenizers.Qwen2.Decode(ids, skipSpecialTokens: true));
            count++;
        }

        Assert.Equal(94, count);
    }

    [Fact]
    public void QwenAgreesWithLlamaCppsOwnTests()
    {
        string Peer(string name) => File.ReadAllText(Fixtures.Path("tokenizers", "qwen2", "tokenizer_peer_tests", name));
        var texts = Peer("ggml-vocab-qwen2.gguf.inp").Split("\n__ggml_vocab_test__\n");
        var lines = Peer("ggml-vocab-qwen2.gguf.out").Split('\n');
        Assert.Equal(47, texts.Length); // the file ends with a separator
        for (var i = 0; i < 46; i++)
        {
            var expected = lines[i].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse);
            Assert.Equal(expected, Ids(tokenizers.Qwen2, texts[i]));
        }
    }

    [Fact]
    public void ClipCasesAreIdenticalFromOneFile() => TokenizerCases.CheckAll(tokenizers.Clip, "clip", "cases.jsonl");

    [Fact]
    public void ClipCasesAreIdenticalFromSeparateFiles() => TokenizerCases.CheckAll(tokenizers.ClipSeparate, "clip", "cases.jsonl");

    [Fact]
    public void BertCasesAreIdenticalFromOneFile() => TokenizerCases.CheckAll(tokenizers.Bert, "bert", "cases.jsonl");

    [Fact]
    public void SpecialTokensHaveTheirRoles()
    {
        Assert.Equal(151645, tokenizers.Qwen2.SpecialTokens.End);
        Assert.Equal(151643, tokenizers.Qwen2.SpecialTokens.Pad);
        Assert.Equal(151657, tokenizers.Qwen2.VocabularySize);
        Assert.Equal(151655, tokenizers.Qwen2.FindId("<|image_pad|>"));
        Assert.Equal(49408, tokenizers.ClipSeparate.VocabularySize);
        Assert.Equal((49406, 49407), (tokenizers.Clip.SpecialTokens.Begin, tokenizers.Clip.SpecialTokens.End));
    }

    [Fact]
    public void DecodingAnEncodingGivesTheNormalizedText() =>
        Prop.ForAll(UnicodeTexts.Any.ToArbitrary(), text =>
        {
            // control tokens are found first and end the text before them: a mark that follows one has nothing to combine with
            var expected = string.Join("<|im_end|>", text.Split("<|im_end|>").Select(Nfc));
            var ids = Ids(tokenizers.Qwen2, text);
            return expected == tokenizers.Qwen2.Decode(ids.ToArray())
                && ids.SequenceEqual(tokenizers.Qwen2.Tokenize(text).Ids)
                && ids.SequenceEqual(Ids(tokenizers.Qwen2Separate, text));
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void OffsetsStayInTheTextAndGrow() =>
        Prop.ForAll(UnicodeTexts.Any.ToArbitrary(), text =>
        {
            foreach (var tokenizer in (Tokenizer[])[tokenizers.Qwen2, tokenizers.Clip, tokenizers.Bert])
            {
                var result = tokenizer.Tokenize(text, options: new TokenizeOptions { AddSpecialTokens = false });
                var last = 0;
                foreach (var (start, end) in result.CharOffsets)
                {
                    if (start < last || end < start || end > text.Length) return false;
                    last = start;
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();

    [Fact]
    public void ALongWordIsNotQuadratic()
    {
        const int length = 1_000_000;
        // one "word" for the pattern: the heap keeps it to a fraction of a second, a scan for each merge would take hours
        var text = string.Concat(Enumerable.Range(0, length).Select(i => (char)('a' + (int)((i * 7919L) % 26))));
        var result = tokenizers.Qwen2.Tokenize(text);
        Assert.Equal(text, tokenizers.Qwen2.Decode(result.Ids));
        Assert.Equal(length, result.CharOffsets[^1].End);
    }

    [Fact]
    public void SteadyStateEncodingAllocatesNothing()
    {
        var ids = new List<int>(4096);
        var text = string.Concat(Enumerable.Repeat("<|im_start|>Where is the white blood cell? naïve cafe\u0301 中文 at (12, 345)\n", 20));
        for (var i = 0; i < 3; i++)
        {
            ids.Clear();
            tokenizers.Qwen2.Encode(text, ids);
        }

        var before = GC.GetAllocatedBytesForCurrentThread();
        ids.Clear();
        tokenizers.Qwen2.Encode(text, ids);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void ASavedTokenizerIsTheSame()
    {
        var folder = Directory.CreateTempSubdirectory("sightline-text-");
        try
        {
            tokenizers.Qwen2Separate.Save(folder.FullName);
            var copy = Tokenizer.Load(folder.FullName);
            Assert.Equal(Ids(tokenizers.Qwen2, "a <|im_end|> b"), Ids(copy, "a <|im_end|> b"));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static List<int> Ids(Tokenizer tokenizer, string text)
    {
        var ids = new List<int>();
        tokenizer.Encode(text, ids);
        return ids;
    }

    private static string Nfc(string text)
    {
        var (source, work, result, scratch) = (new CodePointBuffer(), new CodePointBuffer(), new CodePointBuffer(), new EncodeScratch());
        source.Set(text, 0);
        CanonicalNormalization.Compose(source, work, result);
        scratch.SetFrom(result);
        return new string(scratch.Chars, 0, scratch.Length);
    }
}
