using System.Text;

namespace Sightline.Text.Normalization;

/// <summary>Lower case of each character by itself, without regard to language or neighbours (no final sigma).</summary>
internal static class LowerCase
{
    /// <summary>Writes the lower case of <paramref name="input"/> to <paramref name="output"/>.</summary>
    public static void Apply(CodePointBuffer input, CodePointBuffer output)
    {
        output.Clear();
        for (var i = 0; i < input.Count; i++)
        {
            var value = input.Values[i];
            var source = input.Sources[i];
            if (value == 0x130) // İ: the one character whose lower case is two (SpecialCasing.txt)
            {
                output.Add('i', source);
                output.Add(0x307, source);
                continue;
            }

            output.Add(Rune.ToLowerInvariant(new Rune(value)).Value, source);
        }
    }
}
