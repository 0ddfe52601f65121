using FsCheck;
using FsCheck.Fluent;
using Sightline.Text;
using Sightline.Text.Normalization;

namespace Sightline.Tests.Text;

public class CanonicalNormalizationTests
{
    [Fact]
    public void FormsEqualThoseOfPython()
    {
        var count = 0;
        foreach (var row in TokenizerCases.Read("normalization", "cases.jsonl"))
        {
            if (!row.TryGetProperty("text", out var text)) continue;
            var nfc = row.GetProperty("nfc").GetString()!;
            Assert.Equal(nfc, Nfc(text.GetString()!));
            Assert.Equal(row.GetProperty("nfd").GetString(), Nfd(text.GetString()!));
            if (CanonicalNormalization.IsCertainlyNfc(text.GetString())) Assert.Equal(nfc, text.GetString());
            count++;
        }

        Assert.True(count > 600);
    }

    [Fact]
    public void NormalizationIsIdempotentAndTheFormsAgree() => Prop.ForAll(UnicodeTexts.Any.ToArbitrary(), text =>
    {
        var nfc = Nfc(text);
        return Nfc(nfc) == nfc && Nfd(nfc) == Nfd(text) && (!CanonicalNormalization.IsCertainlyNfc(text) || nfc == text);
    }).QuickCheckThrowOnFailure();

    [Fact]
    public void AMillionAccentsAreNotQuadratic()
    {
        var text = "a" + string.Concat(Enumerable.Range(0, 500_000).Select(i => i % 2 == 0 ? '\u0301' : '\u0323'));
        Assert.Equal(text.Length - 1, Nfc(text).Length);
    }

    private static string Nfc(string text) => Apply(text, (source, target) => CanonicalNormalization.Compose(source, new CodePointBuffer(), target));

    private static string Nfd(string text) => Apply(text, CanonicalNormalization.Decompose);

    private static string Apply(string text, Action<CodePointBuffer, CodePointBuffer> form)
    {
        var (source, result, scratch) = (new CodePointBuffer(), new CodePointBuffer(), new EncodeScratch());
        source.Set(text, 0);
        form(source, result);
        scratch.SetFrom(result);
        return new string(scratch.Chars, 0, scratch.Length);
    }
}
