using System.Collections.Frozen;
using System.Numerics;

namespace Sightline.Imaging.Drawing;

/// <summary>
/// A small sans-serif alphabet of pen strokes, our own, so that labels need no font file and no native library and are
/// sharp at any size. A glyph is a list of strokes separated by blanks; a stroke is a list of points of two characters, x
/// and y, each 0..9 then a..g for 10..16; a point after '~' is the control point of a quadratic curve (two in a row have
/// their midpoint between them, as in TrueType). y grows downwards: capitals stand on 12 and reach 0, small letters reach
/// 4, descenders 16.
/// </summary>
internal static class StrokeFont
{
    /// <summary>Height of capitals in font units.</summary>
    public const float CapHeight = 12;

    /// <summary>Depth of descenders below the base line in font units.</summary>
    public const float Descent = 4;

    private const float Gap = 3;
    private const int CurveSteps = 6;

    private static readonly FrozenDictionary<char, string> Shapes = new Dictionary<char, string>
    {
        ['A'] = "0c408c 1878",
        ['B'] = "0c0040~70~764606 46~86~8c4c0c",
        ['C'] = "83~7040~0006~0c4c~7c89",
        ['D'] = "0c0030~8086~8c3c0c",
        ['E'] = "70000c7c 0656",
        ['F'] = "70000c 0656",
        ['G'] = "83~7040~0006~0c4c~8c8757",
        ['H'] = "000c 808c 0686",
        ['I'] = "0040 202c 0c4c",
        ['J'] = "6069~6c3c~0c09",
        ['K'] = "000c 8008 358c",
        ['L'] = "000c7c",
        ['M'] = "0c0057a0ac",
        ['N'] = "0c008c80",
        ['O'] = "40~0006~0c4c~8c86~8040",
        ['P'] = "0c0050~80~875707",
        ['Q'] = "40~0006~0c4c~8c86~8040 598d",
        ['R'] = "0c0050~80~875707 478c",
        ['S'] = "82~7040~0003~0646~8689~8c4c~1c0a",
        ['T'] = "0080 404c",
        ['U'] = "0008~0c4c~8c8880",
        ['V'] = "004c80",
        ['W'] = "003c629cc0",
        ['X'] = "008c 800c",
        ['Y'] = "004680 464c",
        ['Z'] = "00800c8c",
        ['0'] = "30~0006~0c3c~6c66~6030",
        ['1'] = "03303c 0c6c",
        ['2'] = "03~0030~6063~660c6c",
        ['3'] = "02~1030~6063~6636~6669~6c3c~0c0a",
        ['4'] = "5c500878",
        ['5'] = "600005~1434~6468~6c3c~0c0a",
        ['6'] = "50~0208~0c3c~6c68~6535~0508",
        ['7'] = "00602c",
        ['8'] = "36~0603~0030~6063~6636~0609~0c3c~6c69~6636",
        ['9'] = "1c~6a64~6030~0004~0737~6764",
        ['a'] = "646c 66~5434~0408~0c3c~5c6a",
        ['b'] = "000c 06~1434~6468~6c3c~1c0a",
        ['c'] = "66~5434~0408~0c3c~5c6a",
        ['d'] = "606c 66~5434~0408~0c3c~5c6a",
        ['e'] = "0868~6434~0408~0c3c~5c6a",
        ['f'] = "50~20232c 0454",
        ['g'] = "646d~6g3g~1g0f 66~5434~0408~0c3c~5c6a",
        ['h'] = "000c 07~1434~64676c",
        ['i'] = "040c 0001",
        ['j'] = "242d~2g0g 2021",
        ['k'] = "000c 5409 276c",
        ['l'] = "0009~0c2c",
        ['m'] = "040c 07~1434~54575c 57~6484~a4a7ac",
        ['n'] = "040c 07~1434~64676c",
        ['o'] = "34~0408~0c3c~6c68~6434",
        ['p'] = "040g 06~1434~6468~6c3c~1c0a",
        ['q'] = "646g 66~5434~0408~0c3c~5c6a",
        ['r'] = "040c 07~1444",
        ['s'] = "56~5434~0406~0838~686a~6c3c~0c0a",
        ['t'] = "2029~2c5c 0454",
        ['u'] = "0409~0c3c~5c69 646c",
        ['v'] = "043c64",
        ['w'] = "042c558ca4",
        ['x'] = "046c 640c",
        ['y'] = "043c 643c1g",
        ['z'] = "04640c6c",
        ['.'] = "0b0c",
        [','] = "1b1c0e",
        [':'] = "0506 0b0c",
        [';'] = "1516 1b1c0e",
        ['!'] = "0008 0b0c",
        ['?'] = "03~0030~6063~663738 3b3c",
        ['-'] = "0848",
        ['_'] = "0d7d",
        ['+'] = "0868 353b",
        ['='] = "0666 0a6a",
        ['/'] = "0d50",
        ['\\'] = "005d",
        ['|'] = "000e",
        ['('] = "30~0307~0b3e",
        [')'] = "00~3337~3b0e",
        ['['] = "30000e3e",
        [']'] = "00303e0e",
        ['{'] = "40~2023~2707~272b~2e4e",
        ['}'] = "00~2023~2747~272b~2e0e",
        ['%'] = "0c80 20~0002~0424~4442~4020 68~484a~4c6c~8c8a~8868",
        ['&'] = "8c24~1040~715426~080a~1c4c~7c87",
        ['@'] = "9b~8c5c~0c06~0050~a0a6~a989~797774 54~3436~3858~7876~7454",
        ['#'] = "201c 605c 0474 0878",
        ['$'] = "62~6030~0003~0636~6669~6c3c~0c0a 303d",
        ['*'] = "3137 0266 6206",
        ['\''] = "0003",
        ['"'] = "0003 3033",
        ['`'] = "0022",
        ['^'] = "033063",
        ['~'] = "08~1537~5966",
        ['<'] = "64086c",
        ['>'] = "04680c",
    }.ToFrozenDictionary();

    private const string Unknown = "040c6c6404";

    /// <summary>The straight pieces of a text in font units, pen at x = 0, and the text's width.</summary>
    public static float Layout(string text, List<(Vector2 From, Vector2 To)>? pieces)
    {
        var pen = 0f;
        foreach (var c in text)
        {
            if (char.IsWhiteSpace(c))
            {
                pen += 5;
                continue;
            }

            var shape = Shapes.GetValueOrDefault(c, Unknown);
            pen += Draw(shape, pen, pieces) + Gap;
        }

        return Math.Max(pen - Gap, 0);
    }

    private static float Draw(string shape, float pen, List<(Vector2 From, Vector2 To)>? pieces)
    {
        var right = pen;
        Vector2? at = null, control = null;
        for (var i = 0; i < shape.Length;)
        {
            if (shape[i] == ' ')
            {
                (at, control, i) = (null, null, i + 1);
                continue;
            }

            var curved = shape[i] == '~';
            if (curved) i++;
            var point = new Vector2(pen + Unit(shape[i]), Unit(shape[i + 1]));
            i += 2;
            if (curved)
            {
                if (control is { } before) at = Curve(at!.Value, before, (before + point) / 2, pieces, ref right);
                control = point;
                continue;
            }

            right = Math.Max(right, point.X);
            if (control is { } middle) Curve(at!.Value, middle, point, pieces, ref right);
            else if (at is { } from) pieces?.Add((from, point));
            (at, control) = (point, null);
        }

        return right - pen;
    }

    private static Vector2 Curve(Vector2 from, Vector2 control, Vector2 to, List<(Vector2 From, Vector2 To)>? pieces, ref float right)
    {
        var last = from;
        for (var k = 1; k <= CurveSteps; k++)
        {
            var t = (float)k / CurveSteps;
            var point = ((1 - t) * (1 - t) * from) + (2 * t * (1 - t) * control) + (t * t * to);
            pieces?.Add((last, point));
            right = Math.Max(right, point.X);
            last = point;
        }

        return to;
    }

    private static int Unit(char c) => c <= '9' ? c - '0' : c - 'a' + 10;
}
