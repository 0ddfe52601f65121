namespace Sightline.Text;

/// <summary>
/// GPT-2's spelling of bytes as printable characters (openai/gpt-2, encoder.py, <c>bytes_to_unicode</c>): printable
/// Latin-1 stands for itself, the other 68 bytes are U+0100 and up in order.
/// </summary>
internal static class ByteLevelAlphabet
{
    private static readonly char[] Characters = BuildCharacters();
    private static readonly short[] Bytes = BuildBytes();

    /// <summary>The character that spells a byte.</summary>
    public static char Character(byte value) => Characters[value];

    /// <summary>The byte that a character spells, or -1.</summary>
    public static int Byte(char c) => c < Bytes.Length ? Bytes[c] : -1;

    private static char[] BuildCharacters()
    {
        var result = new char[256];
        var next = (char)256;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
            result[value] = printable ? (char)value : next++;
        }

        return result;
    }

    private static short[] BuildBytes()
    {
        var result = new short[324];
        result.AsSpan().Fill(-1);
        for (var value = 0; value < 256; value++) result[Characters[value]] = (short)value;
        return result;
    }
}
