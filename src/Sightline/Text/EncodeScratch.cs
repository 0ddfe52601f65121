using Sightline.Text.Normalization;

namespace Sightline.Text;

/// <summary>The reusable buffers of one thread's encoding; what makes the steady state free of allocation.</summary>
internal sealed class EncodeScratch
{
    [ThreadStatic]
    private static EncodeScratch? _ofThread;

    public CodePointBuffer First { get; } = new();

    public CodePointBuffer Second { get; } = new();

    public CodePointBuffer Third { get; } = new();

    /// <summary>Normalized text, UTF-16.</summary>
    public char[] Chars = new char[256];

    /// <summary>For each unit of <see cref="Chars"/>, the UTF-16 index in the original of the character it stands for.</summary>
    public int[] Sources = new int[256];

    /// <summary>How many units of <see cref="Chars"/> are used.</summary>
    public int Length;

    /// <summary>Places of a word's tokens within the word.</summary>
    public List<(int Start, int End)> Spans { get; } = [];

    public static EncodeScratch OfThread => _ofThread ??= new EncodeScratch();

    public void Reserve(int length)
    {
        if (Chars.Length >= length) return;
        var size = Math.Max(length, Chars.Length * 2);
        Array.Resize(ref Chars, size);
        Array.Resize(ref Sources, size);
    }

    /// <summary>Takes the normalized text from code points.</summary>
    public void SetFrom(CodePointBuffer text)
    {
        Reserve(text.Count * 2);
        var length = 0;
        for (var i = 0; i < text.Count; i++)
        {
            var value = text.Values[i];
            Sources[length] = text.Sources[i];
            if (value <= 0xFFFF)
            {
                Chars[length++] = (char)value;
                continue;
            }

            Sources[length + 1] = text.Sources[i];
            Chars[length++] = (char)(0xD800 + ((value - 0x10000) >> 10));
            Chars[length++] = (char)(0xDC00 + ((value - 0x10000) & 0x3FF));
        }

        Length = length;
    }
}
