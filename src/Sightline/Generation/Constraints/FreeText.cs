using System.Text;

namespace Sightline.Generation.Constraints;

/// <summary>
/// Valid UTF-8 up to an end, without some other texts in it, as a table: which beginning of one of these texts has been read last (Aho and Corasick 1975)
/// by where in a character the text stands.
/// </summary>
internal sealed class FreeText
{
    /// <summary>The end has been read.</summary>
    public const int Ended = -2;

    /// <summary>Not allowed.</summary>
    public const int Dead = -1;

    // places in a character: its start, then what its next byte must be
    private static readonly (byte First, byte Last, int Next)[] s_tails =
        [default, (0x80, 0xBF, 0), (0x80, 0xBF, 1), (0x80, 0xBF, 2), (0xA0, 0xBF, 1), (0x80, 0x9F, 1), (0x90, 0xBF, 2), (0x80, 0x8F, 2)];

    private readonly List<string> _beginnings = [""];
    private readonly short[] _next; // [states, 256]
    private readonly int[] _distance; // [states]

    public FreeText(string end, IReadOnlyList<string> without)
    {
        string[] all = [end, .. without];
        if (all.Any(text => text.Length == 0 || !Ascii.IsValid(text))) throw new ArgumentException("the end of a text and what it must not hold are ASCII and not empty");
        if (without.Any(text => end.Contains(text, StringComparison.Ordinal))) throw new ArgumentException($"a text that must not hold a part of '{end}' cannot end in it");
        foreach (var text in all)
        {
            for (var length = 1; length < text.Length; length++)
            {
                if (!_beginnings.Contains(text[..length])) _beginnings.Add(text[..length]);
            }
        }

        var states = _beginnings.Count * s_tails.Length;
        _next = new short[states * 256];
        for (var state = 0; state < states; state++)
        {
            for (var value = 0; value < 256; value++) _next[(state * 256) + value] = (short)Follow(state, (byte)value, end, without);
        }

        _distance = Distances(states);
    }

    /// <summary>Where a text begins.</summary>
    public static int Start => 0;

    /// <summary>Bytes to the end at least, from a place.</summary>
    public int Distance(int state) => _distance[state];

    /// <summary>The place after a byte, <see cref="Ended"/>, or <see cref="Dead"/>.</summary>
    public int Next(int state, byte value) => _next[(state * 256) + value];

    private int Follow(int state, byte value, string end, IReadOnlyList<string> without)
    {
        var (read, place) = Math.DivRem(state, s_tails.Length);
        if (place != 0)
        {
            var (first, last, next) = s_tails[place];
            return value >= first && value <= last ? next : Dead;
        }

        if (value >= 0x80)
        {
            return value switch
            {
                >= 0xC2 and <= 0xDF => 1,
                0xE0 => 4,
                0xED => 5,
                >= 0xE1 and <= 0xEF => 2,
                0xF0 => 6,
                >= 0xF1 and <= 0xF3 => 3,
                0xF4 => 7,
                _ => Dead,
            };
        }

        if (value is < 0x20 or 0x7F && value is not ((byte)'\n' or (byte)'\t')) return Dead;
        var text = _beginnings[read] + (char)value;
        if (text.EndsWith(end, StringComparison.Ordinal)) return Ended;
        if (without.Any(part => text.EndsWith(part, StringComparison.Ordinal))) return Dead;
        while (!_beginnings.Contains(text)) text = text[1..];
        return _beginnings.IndexOf(text) * s_tails.Length;
    }

    /// <summary>Shortest ways to the end, from there backwards until nothing changes.</summary>
    private int[] Distances(int states)
    {
        var distance = new int[states];
        Array.Fill(distance, int.MaxValue / 4);
        for (var changed = true; changed;)
        {
            changed = false;
            for (var state = 0; state < states; state++)
            {
                for (var value = 0; value < 256; value++)
                {
                    var next = _next[(state * 256) + value];
                    var through = next == Dead ? int.MaxValue / 4 : 1 + (next == Ended ? 0 : distance[next]);
                    if (through >= distance[state]) continue;
                    distance[state] = through;
                    changed = true;
                }
            }
        }

        return distance;
    }
}
