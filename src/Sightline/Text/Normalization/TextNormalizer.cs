using System.Text;

namespace Sightline.Text.Normalization;

/// <summary>One step of a byte-level tokenizer's normalization.</summary>
internal enum NormalizationStep
{
    /// <summary>Canonical composition.</summary>
    Nfc,

    /// <summary>Canonical decomposition.</summary>
    Nfd,

    /// <summary>Lower case of each character.</summary>
    Lowercase,

    /// <summary>Every run of whitespace to one space.</summary>
    CollapseWhitespace,
}

/// <summary>A sequence of steps, with short cuts for text that they do not change.</summary>
internal sealed class TextNormalizer(params NormalizationStep[] steps)
{
    private readonly bool _onlyNfc = steps.All(s => s == NormalizationStep.Nfc);

    /// <summary>Normalizes into the scratch; false when the text is normal as it stands (and well-formed).</summary>
    public bool Apply(ReadOnlySpan<char> text, int origin, EncodeScratch scratch)
    {
        if (_onlyNfc && (steps.Length == 0 ? !HasLoneSurrogate(text) : CanonicalNormalization.IsCertainlyNfc(text))) return false;
        if (Ascii.IsValid(text))
        {
            ApplyAscii(text, origin, scratch);
            return true;
        }

        var current = scratch.First;
        current.Set(text, origin);
        foreach (var step in steps)
        {
            var target = current == scratch.First ? scratch.Second : scratch.First;
            switch (step)
            {
                case NormalizationStep.Nfc:
                    CanonicalNormalization.Compose(current, scratch.Third, target);
                    break;
                case NormalizationStep.Nfd:
                    CanonicalNormalization.Decompose(current, target);
                    break;
                case NormalizationStep.Lowercase:
                    LowerCase.Apply(current, target);
                    break;
                default:
                    Collapse(current, target);
                    break;
            }

            current = target;
        }

        scratch.SetFrom(current);
        return true;
    }

    private void ApplyAscii(ReadOnlySpan<char> text, int origin, EncodeScratch scratch)
    {
        var (lower, collapse) = (steps.Contains(NormalizationStep.Lowercase), steps.Contains(NormalizationStep.CollapseWhitespace));
        scratch.Reserve(text.Length);
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (collapse && char.IsWhiteSpace(c))
            {
                // the one space stands at the last character of the run, as the reference places it
                if (i + 1 < text.Length && char.IsWhiteSpace(text[i + 1])) continue;
                c = ' ';
            }

            if (lower && char.IsAsciiLetterUpper(c)) c |= ' ';
            scratch.Chars[length] = c;
            scratch.Sources[length++] = origin + i;
        }

        scratch.Length = length;
    }

    private static void Collapse(CodePointBuffer input, CodePointBuffer output)
    {
        output.Clear();
        for (var i = 0; i < input.Count; i++)
        {
            var space = IsSpace(input.Values[i]);
            if (space && i + 1 < input.Count && IsSpace(input.Values[i + 1])) continue;
            output.Add(space ? ' ' : input.Values[i], input.Sources[i]);
        }
    }

    private static bool IsSpace(int value) => (CharacterClasses.Of(value) & CharacterClasses.Space) != 0;

    private static bool HasLoneSurrogate(ReadOnlySpan<char> text)
    {
        for (var i = text.IndexOfAnyInRange('\ud800', '\udfff'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 >= text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) return true;
            i++;
        }

        return false;
    }
}
