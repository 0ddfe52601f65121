using System.Globalization;
using System.Text;

namespace Sightline.Training.Rewards.Upstream;

/// <summary>
/// Python 3.14's <c>json.loads</c>, with its freedoms (NaN and Infinity, repeated keys of which the last counts) and its errors to the letter and
/// the place: published rewards depend on what it takes.
/// </summary>
internal ref struct PythonJson
{
    private const int DeepestNesting = 900;

    private readonly string _text;
    private int _at;

    private PythonJson(string text) => (_text, _at) = (text, 0);

    /// <summary>Reads a whole text.</summary>
    /// <exception cref="RewardException">JSONDecodeError, or RecursionError for values nested too deeply.</exception>
    public static PythonValue Load(string text)
    {
        if (text.StartsWith('\ufeff')) throw Error(text, "Unexpected UTF-8 BOM (decode using utf-8-sig)", 0);
        var reader = new PythonJson(text);
        reader.SkipSpace();
        var value = reader.Value(0);
        reader.SkipSpace();
        return reader._at == text.Length ? value : throw Error(text, "Extra data", reader._at);
    }

    private readonly char Next => _at < _text.Length ? _text[_at] : '\0';

    private void SkipSpace()
    {
        while (_at < _text.Length && _text[_at] is ' ' or '\t' or '\n' or '\r') _at++;
    }

    private PythonValue Value(int depth)
    {
        if (depth > DeepestNesting) throw new RewardException("RecursionError", "maximum recursion depth exceeded");
        switch (Next)
        {
            case '"':
                return new PythonValue(PythonKind.Text) { Text = String() };
            case '{':
                return Dict(depth);
            case '[':
                return List(depth);
        }

        foreach (var (word, kind, number) in s_words)
        {
            if (string.CompareOrdinal(_text, _at, word, 0, word.Length) != 0) continue;
            _at += word.Length;
            return new PythonValue(kind) { Value = number };
        }

        return Number();
    }

    private static readonly (string Word, PythonKind Kind, double Number)[] s_words =
    [
        ("null", PythonKind.None, 0), ("true", PythonKind.Bool, 1), ("false", PythonKind.Bool, 0),
        ("NaN", PythonKind.Float, double.NaN), ("Infinity", PythonKind.Float, double.PositiveInfinity), ("-Infinity", PythonKind.Float, double.NegativeInfinity),
    ];

    private PythonValue Number()
    {
        var (start, at) = (_at, _at);
        if (Peek(at) == '-') at++;
        if (!char.IsAsciiDigit(Peek(at))) throw Error(_text, "Expecting value", start);
        if (Peek(at) == '0') at++;
        else at = Digits(at);
        var isFloat = false;
        if (Peek(at) == '.' && char.IsAsciiDigit(Peek(at + 1)))
        {
            at = Digits(at + 1);
            isFloat = true;
        }

        if (Peek(at) is 'e' or 'E')
        {
            var exponent = Peek(at + 1) is '+' or '-' ? at + 2 : at + 1;
            if (char.IsAsciiDigit(Peek(exponent)))
            {
                at = Digits(exponent);
                isFloat = true;
            }
        }

        _at = at;
        var text = _text[start..at];
        return new PythonValue(isFloat ? PythonKind.Float : PythonKind.Integer) { Value = double.Parse(text, NumberStyles.Float, CultureInfo.InvariantCulture), Text = text };
    }

    private readonly char Peek(int at) => at < _text.Length ? _text[at] : '\0';

    private readonly int Digits(int at)
    {
        while (char.IsAsciiDigit(Peek(at))) at++;
        return at;
    }

    private PythonValue List(int depth)
    {
        var list = new PythonValue(PythonKind.List);
        _at++;
        SkipSpace();
        if (Next == ']')
        {
            _at++;
            return list;
        }

        while (true)
        {
            list.Items.Add(Value(depth + 1));
            if (!Comma(']', "array")) return list;
        }
    }

    private PythonValue Dict(int depth)
    {
        var dict = new PythonValue(PythonKind.Dict);
        _at++;
        SkipSpace();
        if (Next == '}')
        {
            _at++;
            return dict;
        }

        while (true)
        {
            if (Next != '"' || _at >= _text.Length) throw Error(_text, "Expecting property name enclosed in double quotes", _at);
            var key = String();
            SkipSpace();
            if (Next != ':') throw Error(_text, "Expecting ':' delimiter", _at);
            _at++;
            SkipSpace();
            var value = Value(depth + 1);
            if (dict.Keys.IndexOf(key) is var at and >= 0)
            {
                dict.Items[at] = value;
            }
            else
            {
                dict.Keys.Add(key);
                dict.Items.Add(value);
            }

            if (!Comma('}', "object")) return dict;
        }
    }

    /// <summary>True where another item follows.</summary>
    private bool Comma(char close, string container)
    {
        SkipSpace();
        if (Next == close)
        {
            _at++;
            return false;
        }

        if (Next != ',') throw Error(_text, "Expecting ',' delimiter", _at);
        var comma = _at++;
        SkipSpace();
        return Next != close ? true : throw Error(_text, $"Illegal trailing comma before end of {container}", comma);
    }

    private string String()
    {
        var begin = _at++;
        var value = new StringBuilder();
        while (true)
        {
            if (_at >= _text.Length) throw Error(_text, "Unterminated string starting at", begin);
            var c = _text[_at++];
            if (c == '"') return value.ToString();
            if (c < ' ') throw Error(_text, "Invalid control character at", _at - 1);
            if (c != '\\')
            {
                value.Append(c);
                continue;
            }

            if (_at >= _text.Length) throw Error(_text, "Unterminated string starting at", begin);
            value.Append(Escape());
        }
    }

    private char Escape()
    {
        var c = _text[_at++];
        if (c != 'u')
        {
            return c switch
            {
                '"' or '\\' or '/' => c,
                'b' => '\b',
                'f' => '\f',
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                _ => throw Error(_text, "Invalid \\escape", _at - 2),
            };
        }

        if (_at + 4 > _text.Length || !ushort.TryParse(_text.AsSpan(_at, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code))
            throw Error(_text, "Invalid \\uXXXX escape", _at - 1);
        _at += 4;
        return (char)code;
    }

    private static RewardException Error(string text, string what, int at)
    {
        // Python counts characters, not halves of pairs
        var before = text[..at];
        var line = before.Count(c => c == '\n') + 1;
        var position = before.EnumerateRunes().Count();
        var column = before[(before.LastIndexOf('\n') + 1)..].EnumerateRunes().Count() + 1;
        return new RewardException("JSONDecodeError", string.Create(CultureInfo.InvariantCulture, $"{what}: line {line} column {column} (char {position})"));
    }
}
