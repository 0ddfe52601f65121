using FsCheck;
using FsCheck.Fluent;

namespace Sightline.Tests.Text;

/// <summary>Strings that stress tokenizers: all planes, marks, Hangul parts, whitespace of all kinds, lone surrogates.</summary>
internal static class UnicodeTexts
{
    private static readonly string[] Pieces =
    [
        " ", "  ", "\n", "\r\n", "\t", "\u00a0", "\u3000", "\u2028", "\u0085", "'s", "'LL", "'\u017F", "'", "the", " cat", "Ünïcode", "e\u0301", "\u0301",
        "\u0323", "a\u0323\u0302", "\u1100\u1161", "\u11a8", "\uac00", "\u212b", "\u0958", "\ud834\udd5e", "\ud83d\udc31", "\u200d", "\ud800", "\udc00",
        "123", "٣", "½", "中文", "<|im_end|>", "<|", "[SEP]", "...", "\0", "\ufffd", "\ufeff", "İ", "ß", "_", "-",
    ];

    /// <summary>Any mix of the pieces and of arbitrary UTF-16 units.</summary>
    public static Gen<string> Any { get; } =
        from parts in Gen.OneOf(
            Gen.Elements(Pieces),
            Gen.Choose(0, 0xFFFF).Select(c => ((char)c).ToString()),
            Gen.Choose(0x300, 0x36F).Select(c => ((char)c).ToString()),
            Gen.Choose(0x10000, 0x10FFFF).Select(char.ConvertFromUtf32)).ArrayOf()
        select string.Concat(parts);
}
