using System.Text;

namespace Sightline.Text.Normalization;

/// <summary>
/// Text as code points, each with the place in the original text that it came from; the working form of every
/// normalization step that is not the fast path. Reused from call to call.
/// </summary>
internal sealed class CodePointBuffer
{
    /// <summary>Code points; never a surrogate.</summary>
    public int[] Values = new int[64];

    /// <summary>For each code point, the UTF-16 index in the original text of the character it stands for.</summary>
    public int[] Sources = new int[64];

    /// <summary>How many code points there are.</summary>
    public int Count;

    /// <summary>Decodes UTF-16; a lone surrogate becomes U+FFFD, as every UTF-8 encoder makes it.</summary>
    public void Set(ReadOnlySpan<char> text, int origin)
    {
        Count = 0;
        for (var i = 0; i < text.Length;)
        {
            Rune.DecodeFromUtf16(text[i..], out var rune, out var length);
            Add(rune.Value, origin + i);
            i += length;
        }
    }

    public void Clear() => Count = 0;

    public void Add(int value, int source)
    {
        if (Count == Values.Length)
        {
            Array.Resize(ref Values, Count * 2);
            Array.Resize(ref Sources, Count * 2);
        }

        Values[Count] = value;
        Sources[Count++] = source;
    }
}
