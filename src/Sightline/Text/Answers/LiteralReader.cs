using System.Globalization;
using System.Text;

namespace Sightline.Text.Answers;

/// <summary>
/// Reads values in JSON or as Python literals from text that a model wrote: both kinds of quotes, tuples, trailing commas, a list in bare
/// braces. Never throws: at the first character that does not fit it stops, keeps what it has and says where.
/// </summary>
internal ref struct LiteralReader(ReadOnlySpan<char> text, int at)
{
    // deeper than any answer; bounds the recursion
    private const int MaximumDepth = 24;

    private readonly ReadOnlySpan<char> _text = text;

    /// <summary>The next character.</summary>
    public int At { get; private set; } = at;

    /// <summary>Where something did not fit, or -1.</summary>
    public int ErrorAt { get; private set; } = -1;

    /// <summary>Whether the text ended inside the value.</summary>
    public bool RanOut { get; private set; }

    /// <summary>The value at <see cref="At"/>, or null where none begins.</summary>
    public Literal? Read() => Value(0);

    private Literal? Value(int depth)
    {
        SkipSpace();
        if (At >= _text.Length) return Out();
        return _text[At] switch
        {
            '[' => List(']', depth),
            '(' => List(')', depth),
            '{' => Map(depth),
            '"' or '\'' => String(),
            '-' or (>= '0' and <= '9') => Number(),
            (>= 'a' and <= 'z') or (>= 'A' and <= 'Z') => Word(),
            _ => Wrong(),
        };
    }

    private Literal? List(char close, int depth)
    {
        if (depth >= MaximumDepth) return Wrong();
        var list = new Literal(LiteralKind.List, At++);
        Items(list, close, depth);
        return list;
    }

    private void Items(Literal list, char close, int depth)
    {
        while (true)
        {
            SkipSpace();
            if (At >= _text.Length)
            {
                Out();
                break;
            }

            if (_text[At] == close)
            {
                At++;
                list.IsWhole = true;
                break;
            }

            if (Value(depth + 1) is { } item) list.Items.Add(item);
            if (Stopped || !Separator(close)) break;
        }

        list.End = At;
    }

    private Literal? Map(int depth)
    {
        if (depth >= MaximumDepth) return Wrong();
        var start = At++;
        SkipSpace();
        if (At < _text.Length && _text[At] is '[' or '(')
        {
            // {[x1, y1, x2, y2]}: VLM-R1's models write it, a set to Python
            var set = new Literal(LiteralKind.List, start);
            Items(set, '}', depth);
            return set;
        }

        var map = new Literal(LiteralKind.Map, start);
        while (Entry(map, depth))
        {
        }

        map.End = At;
        return map;
    }

    private bool Entry(Literal map, int depth)
    {
        SkipSpace();
        if (At >= _text.Length)
        {
            Out();
            return false;
        }

        if (_text[At] == '}')
        {
            At++;
            map.IsWhole = true;
            return false;
        }

        if (_text[At] is not ('"' or '\''))
        {
            Wrong();
            return false;
        }

        var name = String();
        if (Stopped) return false;
        SkipSpace();
        if (At >= _text.Length || _text[At] != ':')
        {
            _ = At >= _text.Length ? Out() : Wrong();
            return false;
        }

        At++;
        if (Value(depth + 1) is { } value)
        {
            map.Names.Add(name.Text);
            map.Items.Add(value);
        }

        return !Stopped && Separator('}');
    }

    private readonly bool Stopped => ErrorAt >= 0 || RanOut;

    /// <summary>A comma, or the closing bracket, which stays.</summary>
    private bool Separator(char close)
    {
        SkipSpace();
        if (At >= _text.Length)
        {
            Out();
            return false;
        }

        if (_text[At] == close) return true;
        if (_text[At] != ',')
        {
            Wrong();
            return false;
        }

        At++;
        return true;
    }

    private Literal Number()
    {
        var start = At;
        if (_text[At] == '-') At++;
        Digits();
        if (At < _text.Length && _text[At] == '.')
        {
            At++;
            Digits();
        }

        if (At < _text.Length && _text[At] is 'e' or 'E')
        {
            At++;
            if (At < _text.Length && _text[At] is '-' or '+') At++;
            Digits();
        }

        // at the end of the text more digits may have been to come
        if (At >= _text.Length) Out();
        var isNumber = double.TryParse(_text[start..At], NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && double.IsFinite(value);
        return new Literal(isNumber ? LiteralKind.Number : LiteralKind.Word, start) { Number = value, Text = _text[start..At].ToString(), End = At, IsWhole = !RanOut };
    }

    private void Digits()
    {
        while (At < _text.Length && char.IsAsciiDigit(_text[At])) At++;
    }

    private Literal Word()
    {
        var start = At;
        while (At < _text.Length && (char.IsAsciiLetterOrDigit(_text[At]) || _text[At] == '_')) At++;
        if (At >= _text.Length) Out();
        var text = _text[start..At].ToString();
        if (!RanOut && text is not ("true" or "false" or "null" or "True" or "False" or "None" or "NaN" or "nan" or "Infinity" or "inf"))
        {
            At = start;
            Wrong();
        }

        return new Literal(LiteralKind.Word, start) { Text = text, End = At, IsWhole = !Stopped };
    }

    private Literal String()
    {
        var start = At;
        var quote = _text[At++];
        var value = new StringBuilder();
        while (At < _text.Length)
        {
            var c = _text[At];
            if (c == quote && (quote == '"' || ClosesHere()))
            {
                At++;
                return new Literal(LiteralKind.Text, start) { Text = value.ToString(), End = At, IsWhole = true };
            }

            At++;
            if (c == '\\' && At < _text.Length) Escape(value);
            else value.Append(c);
        }

        Out();
        return new Literal(LiteralKind.Text, start) { Text = value.ToString(), End = At };
    }

    /// <summary>An apostrophe is a closing quote only where a string may end: models write 'it's'.</summary>
    private readonly bool ClosesHere()
    {
        var next = At + 1;
        while (next < _text.Length && char.IsWhiteSpace(_text[next])) next++;
        return next >= _text.Length || _text[next] is ',' or ':' or ']' or '}' or ')';
    }

    private void Escape(StringBuilder value)
    {
        var c = _text[At++];
        if (c == 'u' && At + 4 <= _text.Length && ushort.TryParse(_text.Slice(At, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
        {
            At += 4;
            value.Append((char)code);
            return;
        }

        value.Append(c switch { 'n' => '\n', 't' => '\t', 'r' => '\r', _ => c });
    }

    private void SkipSpace()
    {
        while (At < _text.Length && char.IsWhiteSpace(_text[At])) At++;
    }

    private Literal? Out()
    {
        RanOut = true;
        return null;
    }

    private Literal? Wrong()
    {
        ErrorAt = At;
        return null;
    }
}
