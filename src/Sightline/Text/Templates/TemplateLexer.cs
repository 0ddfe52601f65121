using System.Text;

namespace Sightline.Text.Templates;

internal enum TokenKind
{
    Text,
    PrintStart,
    BlockStart,
    TagEnd,
    Name,
    String,
    Number,
    Operator,
    End,
}

internal readonly record struct TemplateToken(TokenKind Kind, string Text, int Line);

/// <summary>
/// Cuts a Jinja template into tokens, with the whitespace rules under which chat templates are rendered: the new line
/// after a block is dropped (trim_blocks), blanks before a block on its line are dropped (lstrip_blocks), a minus sign
/// drops all whitespace on its side, and one new line at the very end is dropped.
/// </summary>
internal sealed class TemplateLexer
{
    private static readonly string[] Operators = ["==", "!=", "<=", ">=", "//", "**", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ".", ":", "|"];

    private readonly string _text;
    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _position;
    private int _line = 1;

    private TemplateLexer(string text, string source)
    {
        text = text.ReplaceLineEndings("\n");
        _text = text.EndsWith('\n') ? text[..^1] : text;
        _source = source;
    }

    public static List<TemplateToken> Tokens(string text, string source)
    {
        var lexer = new TemplateLexer(text, source);
        lexer.Run();
        return lexer._tokens;
    }

    public static SightlineException Fails(string source, int line, string what) => new(
        ErrorKind.BadModel, $"{source}: the chat template {what} (line {line}); use the template as published with the model");

    private void Run()
    {
        var lineStart = true; // whether the text that follows starts a line
        while (_position < _text.Length)
        {
            var tag = NextTag();
            var text = _text[_position..tag];
            var atEnd = tag == _text.Length;
            var sign = !atEnd && tag + 2 < _text.Length ? _text[tag + 2] : ' ';
            AddText(text, atEnd ? ' ' : _text[tag + 1], sign, lineStart);
            Move(tag);
            if (atEnd) break;
            var trimmed = Tag();
            lineStart = trimmed && _position > 0 && _text[_position - 1] == '\n';
        }

        _tokens.Add(new TemplateToken(TokenKind.End, "the end", _line));
    }

    private int NextTag()
    {
        for (var i = _text.IndexOf('{', _position); i >= 0 && i + 1 < _text.Length; i = _text.IndexOf('{', i + 1))
        {
            if (_text[i + 1] is '{' or '%' or '#') return i;
        }

        return _text.Length;
    }

    private void AddText(string text, char tag, char sign, bool lineStart)
    {
        if (sign == '-')
        {
            text = text.TrimEnd();
        }
        else if (tag is '%' or '#' && sign != '+')
        {
            var from = text.LastIndexOf('\n') + 1;
            if ((from > 0 || lineStart) && text.AsSpan(from).IsWhiteSpace()) text = text[..from];
        }

        if (text.Length > 0) _tokens.Add(new TemplateToken(TokenKind.Text, text, _line));
    }

    // One tag, its trailing whitespace included; true for tags that trim their new line.
    private bool Tag()
    {
        var kind = _text[_position + 1];
        if (kind == '#')
        {
            var close = _text.IndexOf("#}", _position + 2, StringComparison.Ordinal);
            if (close < 0) throw Fails(_source, _line, "has a comment without an end");
            var minus = close > _position + 2 && _text[close - 1] == '-';
            Move(close + 2);
            TrimAfter(minus ? '-' : ' ', block: true);
            return true;
        }

        _tokens.Add(new TemplateToken(kind == '{' ? TokenKind.PrintStart : TokenKind.BlockStart, kind == '{' ? "{{" : "{%", _line));
        Move(_position + 2);
        if (_position < _text.Length && _text[_position] is '-' or '+') Move(_position + 1);
        var end = kind == '{' ? "}}" : "%}";
        var depth = 0;
        while (true)
        {
            while (_position < _text.Length && char.IsWhiteSpace(_text[_position])) Move(_position + 1);
            if (_position >= _text.Length) throw Fails(_source, _line, $"has a tag without {end}");
            var signed = _text[_position] is '-' or '+' && At(_position + 1, end);
            if (depth == 0 && (signed || At(_position, end)))
            {
                var sign = signed ? _text[_position] : ' ';
                _tokens.Add(new TemplateToken(TokenKind.TagEnd, end, _line));
                Move(_position + end.Length + (signed ? 1 : 0));
                TrimAfter(sign, block: kind == '%');
                return kind == '%' || sign == '-';
            }

            var token = Expression();
            if (token is "{" or "[" or "(") depth++;
            if (token is "}" or "]" or ")") depth--;
        }
    }

    private void TrimAfter(char sign, bool block)
    {
        if (sign == '-')
        {
            while (_position < _text.Length && char.IsWhiteSpace(_text[_position])) Move(_position + 1);
        }
        else if (block && sign != '+' && _position < _text.Length && _text[_position] == '\n')
        {
            Move(_position + 1);
        }
    }

    // The text of an operator, or null for any other token.
    private string? Expression()
    {
        var c = _text[_position];
        if (c is '\'' or '"')
        {
            StringLiteral(c);
            return null;
        }

        if (char.IsAsciiLetter(c) || c == '_' || char.IsAsciiDigit(c))
        {
            var number = char.IsAsciiDigit(c);
            var end = _position + 1;
            while (end < _text.Length && (char.IsAsciiLetterOrDigit(_text[end]) || _text[end] == '_' || (number && _text[end] == '.' && end + 1 < _text.Length && char.IsAsciiDigit(_text[end + 1])))) end++;
            _tokens.Add(new TemplateToken(number ? TokenKind.Number : TokenKind.Name, _text[_position..end], _line));
            Move(end);
            return null;
        }

        foreach (var candidate in Operators)
        {
            if (!At(_position, candidate)) continue;
            _tokens.Add(new TemplateToken(TokenKind.Operator, candidate, _line));
            Move(_position + candidate.Length);
            return candidate;
        }

        throw Fails(_source, _line, $"has the character '{c}' where an expression is expected");
    }

    private void StringLiteral(char quote)
    {
        var value = new StringBuilder();
        var start = _line;
        for (var i = _position + 1; i < _text.Length; i++)
        {
            var c = _text[i];
            if (c == quote)
            {
                _tokens.Add(new TemplateToken(TokenKind.String, value.ToString(), start));
                Move(i + 1);
                return;
            }

            if (c == '\\' && i + 1 < _text.Length)
            {
                c = _text[++i];
                value.Append(c switch { 'n' => "\n", 't' => "\t", 'r' => "\r", '\\' or '\'' or '"' => c.ToString(), _ => "\\" + c });
                continue;
            }

            value.Append(c);
        }

        throw Fails(_source, start, "has a string without an end");
    }

    private bool At(int position, string text) => string.CompareOrdinal(_text, position, text, 0, text.Length) == 0;

    private void Move(int position)
    {
        _line += _text.AsSpan(_position, position - _position).Count('\n');
        _position = position;
    }
}
