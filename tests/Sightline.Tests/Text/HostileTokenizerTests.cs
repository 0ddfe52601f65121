using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Text;

namespace Sightline.Tests.Text;

public class HostileTokenizerTests
{
    private const string Pre = """ "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false}, """;

    [Theory]
    [InlineData("", "damaged JSON")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vo", "damaged JSON")]
    [InlineData("[]", "JSON object")]
    [InlineData("{}", "has no \"model\"")]
    [InlineData("{\"model\": {\"type\": \"Unigram\"}}", "Unigram")]
    [InlineData("{\"model\": 3}", "model must be an object")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"b\": 0}, \"merges\": []}}", "gives the id 0 to two tokens")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"a\": 1}, \"merges\": []}}", "twice")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 2000000000}, \"merges\": []}}", "must be an id")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -1}, \"merges\": []}}", "must be an id")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": \"x\"}, \"merges\": []}}", "must be an id")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {}, \"merges\": []}}", "empty")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a q\"]}}", "\"q\", which the vocabulary lacks")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a a\"]}}", "\"aa\", which the vocabulary lacks")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0, \"\": 1}, \"merges\": [[\"\", \"a\"]]}}", "empty token")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": [\"a\"]}}", "two tokens")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"\\ud800\": 0}, \"merges\": []}}", "Unicode")]
    [InlineData("{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": 0}, \"merges\": []}}", "pre_tokenizer")]
    [InlineData("{\"model\": {\"type\": \"WordPiece\", \"vocab\": {\"a\": 0}}}", "[UNK]")]
    public void ADamagedTokenizerJsonIsOneClearSentence(string content, string says) => Refused(content, says);

    [Fact]
    public void UnknownStepsAreRefusedByName()
    {
        Refused("{" + Pre + """ "normalizer": {"type": "Precompiled"}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}""", "Precompiled");
        Refused("""{"pre_tokenizer": {"type": "Metaspace"}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}""", "Metaspace");
        Refused("{" + Pre + """ "added_tokens": [{"id": 1, "content": "x"}, {"id": 2, "content": "x"}], "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}""", "two ids");
        var nested = string.Concat(Enumerable.Repeat("""{"type":"Sequence","normalizers":[""", 25)) + string.Concat(Enumerable.Repeat("]}", 25));
        Refused("{" + Pre + "\"normalizer\": " + nested + """, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}}""", "too deep");
    }

    [Fact]
    public void BytesTheVocabularyLacksAreDropped()
    {
        var tokenizer = Load(("tokenizer.json", "{" + Pre + """ "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}"""));
        var ids = new List<int>();
        tokenizer.Encode("abxab", ids);
        Assert.Equal([2, 2], ids);
        Assert.Equal((3, 5), tokenizer.Tokenize("abxab").Offsets[1]);
    }

    [Theory]
    [InlineData("vocab.txt", "[UNK]\n[CLS]\n[UNK]\n", "repeats")]
    [InlineData("vocab.txt", "a\nb\n", "[UNK]")]
    [InlineData("vocab.json", "{\"a\": 0}", "vocab.json with merges.txt")]
    [InlineData("readme.md", "x", "has no tokenizer")]
    public void OtherFilesTell(string name, string content, string says)
    {
        var e = Assert.Throws<SightlineException>(() => Load((name, content)));
        Assert.Contains(says, e.Message);
    }

    [Fact]
    public void SeparateFilesNeedAClassAndMatchingMerges()
    {
        var e = Assert.Throws<SightlineException>(() => Load(("vocab.json", """{"a": 0, "b": 1}"""), ("merges.txt", "#version: 0.2\n")));
        Assert.Contains("tokenizer_class", e.Message);
        e = Assert.Throws<SightlineException>(() => Load(
            ("vocab.json", """{"a": 0, "b": 1}"""), ("merges.txt", "#version: 0.2\na b\n"), ("tokenizer_config.json", """{"tokenizer_class": "Qwen2Tokenizer"}""")));
        Assert.Contains("merges.txt line 2", e.Message);
        Assert.Equal(ErrorKind.BadModel, e.Kind);
    }

    [Fact]
    public void AnyDamageEndsInAResultOrAClearError()
    {
        var good = Encoding.UTF8.GetBytes("{" + Pre + """ "added_tokens": [{"id": 3, "content": "<s>", "special": true}], "normalizer": {"type": "NFC"}, "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [3]}}}, "decoder": {"type": "ByteLevel"}, "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]}}""");
        var folder = Directory.CreateTempSubdirectory("sightline-text-");
        try
        {
            var path = Path.Combine(folder.FullName, "tokenizer.json");
            var damage = from cut in Gen.Choose(0, good.Length)
                         from place in Gen.Choose(0, good.Length - 1)
                         from value in Gen.Choose(0, 255)
                         select (cut, place, value);
            Prop.ForAll(damage.ToArbitrary(), d =>
            {
                var bytes = good.ToArray();
                bytes[d.place] = (byte)d.value;
                File.WriteAllBytes(path, d.cut % 3 == 0 ? bytes[..d.cut] : bytes);
                try
                {
                    Tokenizer.Load(folder.FullName).Encode("ab<s>x", []);
                }
                catch (SightlineException e)
                {
                    return e.Kind == ErrorKind.BadModel && e.Message.Contains("tokenizer.json");
                }

                return true;
            }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static void Refused(string content, string says)
    {
        var e = Assert.Throws<SightlineException>(() => Load(("tokenizer.json", content)));
        Assert.Equal(ErrorKind.BadModel, e.Kind);
        Assert.Contains(says, e.Message);
        Assert.Contains("tokenizer.json", e.Message);
    }

    private static Tokenizer Load(params (string Name, string Content)[] files)
    {
        var folder = Directory.CreateTempSubdirectory("sightline-text-");
        try
        {
            foreach (var (name, content) in files) File.WriteAllText(Path.Combine(folder.FullName, name), content);
            return Tokenizer.Load(folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
