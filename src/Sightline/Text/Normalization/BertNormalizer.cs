using System.Text;

namespace Sightline.Text.Normalization;

/// <summary>
/// BERT's normalization: control characters out, all whitespace to spaces, spaces around Chinese characters, accents
/// off, lower case. Follows <c>BertNormalizer</c> of the Hugging Face tokenizers library, which is what published
/// vocabularies are used with (original: google-research/bert, tokenization.py).
/// </summary>
/// <param name="CleanText">Remove control characters, make whitespace a space.</param>
/// <param name="SeparateChinese">Put spaces around CJK ideographs.</param>
/// <param name="StripAccents">Decompose and drop non-spacing marks; null: as <paramref name="Lowercase"/>.</param>
/// <param name="Lowercase">Lower case, character by character.</param>
internal sealed record BertNormalizer(bool CleanText = true, bool SeparateChinese = true, bool? StripAccents = null, bool Lowercase = true)
{
    /// <summary>Normalizes into the scratch's Chars and Sources.</summary>
    public void Apply(ReadOnlySpan<char> text, int origin, EncodeScratch scratch)
    {
        if (Ascii.IsValid(text))
        {
            ApplyAscii(text, origin, scratch);
            return;
        }

        var buffer = scratch.First;
        buffer.Set(text, origin);
        if (CleanText) Clean(buffer);
        if (SeparateChinese)
        {
            Separate(buffer, scratch.Second);
            buffer = scratch.Second;
        }

        if (StripAccents ?? Lowercase)
        {
            CanonicalNormalization.Decompose(buffer, scratch.Third);
            buffer = scratch.Third;
            DropMarks(buffer);
        }

        if (Lowercase)
        {
            var target = buffer == scratch.Second ? scratch.Third : scratch.Second;
            LowerCase.Apply(buffer, target);
            buffer = target;
        }

        scratch.SetFrom(buffer);
    }

    private void ApplyAscii(ReadOnlySpan<char> text, int origin, EncodeScratch scratch)
    {
        scratch.Reserve(text.Length);
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (CleanText && (c < ' ' || c == 127))
            {
                if (c is not ('\t' or '\n' or '\r')) continue;
                c = ' ';
            }

            if (Lowercase && char.IsAsciiLetterUpper(c)) c |= ' ';
            scratch.Chars[length] = c;
            scratch.Sources[length++] = origin + i;
        }

        scratch.Length = length;
    }

    private static void Clean(CodePointBuffer text)
    {
        var kept = 0;
        for (var i = 0; i < text.Count; i++)
        {
            var value = text.Values[i];
            var kind = CharacterClasses.Of(value);
            if (value is 0 or 0xFFFD) continue;
            if ((kind & CharacterClasses.Other) != 0 && value is not ('\t' or '\n' or '\r')) continue;
            text.Values[kept] = (kind & CharacterClasses.Space) != 0 ? ' ' : value;
            text.Sources[kept++] = text.Sources[i];
        }

        text.Count = kept;
    }

    private static void Separate(CodePointBuffer text, CodePointBuffer output)
    {
        output.Clear();
        for (var i = 0; i < text.Count; i++)
        {
            var chinese = IsChinese(text.Values[i]);
            if (chinese) output.Add(' ', text.Sources[i]);
            output.Add(text.Values[i], text.Sources[i]);
            if (chinese) output.Add(' ', text.Sources[i]);
        }
    }

    private static void DropMarks(CodePointBuffer text)
    {
        var kept = 0;
        for (var i = 0; i < text.Count; i++)
        {
            if ((CharacterClasses.Of(text.Values[i]) & CharacterClasses.NonSpacingMark) != 0) continue;
            text.Values[kept] = text.Values[i];
            text.Sources[kept++] = text.Sources[i];
        }

        text.Count = kept;
    }

    // The reference starts the extension E block at 2B920 (the original code says 2B820); published ids follow it.
    private static bool IsChinese(int value) => value is (>= 0x4E00 and <= 0x9FFF) or (>= 0x3400 and <= 0x4DBF)
        or (>= 0x20000 and <= 0x2A6DF) or (>= 0x2A700 and <= 0x2B73F) or (>= 0x2B740 and <= 0x2B81F)
        or (>= 0x2B920 and <= 0x2CEAF) or (>= 0xF900 and <= 0xFAFF) or (>= 0x2F800 and <= 0x2FA1F);
}
