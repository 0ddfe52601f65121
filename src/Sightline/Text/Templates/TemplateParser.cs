using System.Globalization;

namespace Sightline.Text.Templates;

/// <summary>Builds the statements of a template by recursive descent, with Jinja's order of operators.</summary>
internal sealed class TemplateParser
{
    private const int DeepestNesting = 100;

    private static readonly string[] Comparisons = ["==", "!=", "<", ">", "<=", ">="];

    private readonly List<TemplateToken> _tokens;
    private readonly string _source;
    private int _next;
    private int _depth;

    private TemplateParser(List<TemplateToken> tokens, string source)
    {
        _tokens = tokens;
        _source = source;
    }

    private TemplateToken Current => _tokens[_next];

    public static IReadOnlyList<TemplateStatement> Parse(string text, string source)
    {
        var parser = new TemplateParser(TemplateLexer.Tokens(text, source), source);
        var body = parser.Body([], out _);
        return body;
    }

    // Statements up to a block whose name is one of the ends; that block's name is consumed.
    private List<TemplateStatement> Body(string[] ends, out string end)
    {
        if (++_depth > DeepestNesting) throw Fails("nests too deep");
        var body = new List<TemplateStatement>();
        while (true)
        {
            var token = _tokens[_next++];
            switch (token.Kind)
            {
                case TokenKind.Text:
                    body.Add(new TextStatement(token.Line, token.Text));
                    continue;
                case TokenKind.PrintStart:
                    body.Add(new PrintStatement(token.Line, Expression()));
                    TagEnd();
                    continue;
                case TokenKind.End when ends.Length == 0:
                    end = "";
                    return body;
                case TokenKind.End:
                    throw Fails($"ends before {string.Join(" or ", ends)}");
            }

            var name = Name();
            if (ends.Contains(name))
            {
                _depth--;
                end = name;
                return body;
            }

            body.Add(Block(name, token.Line));
        }
    }

    private TemplateStatement Block(string name, int line) => name switch
    {
        "if" => If(line),
        "for" => For(line),
        "set" => Set(line),
        "macro" => Macro(line),
        _ => throw Fails($"uses the block \"{name}\", which is not supported (if, for, set and macro are)"),
    };

    private IfStatement If(int line)
    {
        var branches = new List<(TemplateExpression?, IReadOnlyList<TemplateStatement>)>();
        TemplateExpression? condition = Expression();
        while (true)
        {
            TagEnd();
            var body = Body(condition is null ? ["endif"] : ["elif", "else", "endif"], out var end);
            branches.Add((condition, body));
            if (end == "endif") break;
            condition = end == "elif" ? Expression() : null;
        }

        TagEnd();
        return new IfStatement(line, branches);
    }

    private ForStatement For(int line)
    {
        var names = new List<string> { Name() };
        while (Accept(",")) names.Add(Name());
        if (!AcceptName("in")) throw Fails("has a for without in");
        var items = Or();
        var filter = AcceptName("if") ? Expression() : null;
        TagEnd();
        var body = Body(["else", "endfor"], out var end);
        List<TemplateStatement> otherwise = [];
        if (end == "else")
        {
            TagEnd();
            otherwise = Body(["endfor"], out _);
        }

        TagEnd();
        return new ForStatement(line, names, items, filter, body, otherwise);
    }

    private SetStatement Set(int line)
    {
        var name = Name();
        var attribute = Accept(".") ? Name() : null;
        if (!Accept("=")) throw Fails("has a set without =, which is not supported");
        var value = Expression();
        TagEnd();
        return new SetStatement(line, name, attribute, value);
    }

    private MacroStatement Macro(int line)
    {
        var name = Name();
        Expect("(");
        var parameters = new List<(string, TemplateExpression?)>();
        while (!Accept(")"))
        {
            if (parameters.Count > 0) Expect(",");
            parameters.Add((Name(), Accept("=") ? Expression() : null));
        }

        TagEnd();
        var body = Body(["endmacro"], out _);
        TagEnd();
        return new MacroStatement(line, name, parameters, body);
    }

    private TemplateExpression Expression()
    {
        if (++_depth > DeepestNesting) throw Fails("nests too deep");
        var value = Or();
        while (AcceptName("if"))
        {
            var condition = Or();
            value = new ConditionalExpression(value.Line, condition, value, AcceptName("else") ? Expression() : null);
        }

        _depth--;
        return value;
    }

    private TemplateExpression Or()
    {
        var left = And();
        while (AcceptName("or")) left = new BinaryExpression(left.Line, "or", left, And());
        return left;
    }

    private TemplateExpression And()
    {
        var left = Not();
        while (AcceptName("and")) left = new BinaryExpression(left.Line, "and", left, Not());
        return left;
    }

    private TemplateExpression Not()
    {
        if (!AcceptName("not")) return Comparison();
        if (++_depth > DeepestNesting) throw Fails("nests too deep");
        var value = new UnaryExpression(Current.Line, "not", Not());
        _depth--;
        return value;
    }

    private TemplateExpression Comparison()
    {
        var left = Sum();
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.Contains(Current.Text))
            {
                left = new BinaryExpression(left.Line, _tokens[_next++].Text, left, Sum());
            }
            else if (AcceptName("in"))
            {
                left = new BinaryExpression(left.Line, "in", left, Sum());
            }
            else if (Current is { Kind: TokenKind.Name, Text: "not" } && _tokens[_next + 1] is { Kind: TokenKind.Name, Text: "in" })
            {
                _next += 2;
                left = new UnaryExpression(left.Line, "not", new BinaryExpression(left.Line, "in", left, Sum()));
            }
            else
            {
                return left;
            }
        }
    }

    private TemplateExpression Sum()
    {
        var left = Product();
        while (Current.Kind == TokenKind.Operator && Current.Text is "+" or "-" or "~")
        {
            left = new BinaryExpression(left.Line, _tokens[_next++].Text, left, Product());
        }

        return left;
    }

    private TemplateExpression Product()
    {
        var left = Unary();
        while (Current.Kind == TokenKind.Operator && Current.Text is "*" or "/" or "//" or "%")
        {
            left = new BinaryExpression(left.Line, _tokens[_next++].Text, left, Unary());
        }

        return left;
    }

    private TemplateExpression Unary()
    {
        if (!Accept("-")) return Postfix(Primary());
        if (++_depth > DeepestNesting) throw Fails("nests too deep");
        var value = new UnaryExpression(Current.Line, "-", Unary());
        _depth--;
        return value;
    }

    private TemplateExpression Postfix(TemplateExpression value)
    {
        while (true)
        {
            var line = Current.Line;
            if (Accept(".")) value = new AttributeExpression(line, value, Name());
            else if (Accept("[")) value = Subscript(value, line);
            else if (Accept("(")) value = Call(value, line);
            else if (Accept("|")) value = new FilterExpression(line, value, Name(), Accept("(") ? Arguments() : []);
            else if (AcceptName("is")) value = Test(value, line);
            else return value;
        }
    }

    private TestExpression Test(TemplateExpression value, int line)
    {
        var negated = AcceptName("not");
        return new TestExpression(line, value, Name(), negated);
    }

    private TemplateExpression Subscript(TemplateExpression value, int line)
    {
        var start = At(":") ? null : Expression();
        if (Accept("]")) return new ItemExpression(line, value, start!);
        Expect(":");
        var end = At(":") || At("]") ? null : Expression();
        var step = Accept(":") && !At("]") ? Expression() : null;
        Expect("]");
        return new SliceExpression(line, value, start, end, step);
    }

    private CallExpression Call(TemplateExpression function, int line)
    {
        var arguments = new List<TemplateExpression>();
        var named = new List<(string, TemplateExpression)>();
        while (!Accept(")"))
        {
            if (arguments.Count + named.Count > 0) Expect(",");
            if (Current.Kind == TokenKind.Name && _tokens[_next + 1] is { Kind: TokenKind.Operator, Text: "=" })
            {
                var name = Name();
                Expect("=");
                named.Add((name, Expression()));
                continue;
            }

            arguments.Add(Expression());
        }

        return new CallExpression(line, function, arguments, named);
    }

    private List<TemplateExpression> Arguments()
    {
        var arguments = new List<TemplateExpression>();
        while (!Accept(")"))
        {
            if (arguments.Count > 0) Expect(",");
            arguments.Add(Expression());
        }

        return arguments;
    }

    private TemplateExpression Primary()
    {
        var token = _tokens[_next++];
        switch (token.Kind)
        {
            case TokenKind.String:
                return new LiteralExpression(token.Line, token.Text);
            case TokenKind.Number when long.TryParse(token.Text, NumberStyles.None, CultureInfo.InvariantCulture, out var number):
                return new LiteralExpression(token.Line, number);
            case TokenKind.Number when double.TryParse(token.Text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number):
                return new LiteralExpression(token.Line, number);
            case TokenKind.Name:
                return token.Text switch
                {
                    "true" or "True" => new LiteralExpression(token.Line, true),
                    "false" or "False" => new LiteralExpression(token.Line, false),
                    "none" or "None" => new LiteralExpression(token.Line, null),
                    _ => new NameExpression(token.Line, token.Text),
                };
            case TokenKind.Operator when token.Text == "(":
                var inner = Expression();
                Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return new ListExpression(token.Line, Items("]"));
            case TokenKind.Operator when token.Text == "{":
                return Map(token.Line);
            default:
                _next--;
                throw Fails($"has {Describe(token)} where a value is expected");
        }
    }

    private List<TemplateExpression> Items(string close)
    {
        var items = new List<TemplateExpression>();
        while (!Accept(close))
        {
            if (items.Count > 0) Expect(",");
            items.Add(Expression());
        }

        return items;
    }

    private MapExpression Map(int line)
    {
        var items = new List<(TemplateExpression, TemplateExpression)>();
        while (!Accept("}"))
        {
            if (items.Count > 0) Expect(",");
            var key = Expression();
            Expect(":");
            items.Add((key, Expression()));
        }

        return new MapExpression(line, items);
    }

    private bool At(string text) => Current.Kind == TokenKind.Operator && Current.Text == text;

    private bool Accept(string text)
    {
        if (!At(text)) return false;
        _next++;
        return true;
    }

    private bool AcceptName(string name)
    {
        if (Current.Kind != TokenKind.Name || Current.Text != name) return false;
        _next++;
        return true;
    }

    private void Expect(string text)
    {
        if (!Accept(text)) throw Fails($"has {Describe(Current)} where \"{text}\" is expected");
    }

    private void TagEnd()
    {
        if (Current.Kind != TokenKind.TagEnd) throw Fails($"has {Describe(Current)} where the tag should end");
        _next++;
    }

    private string Name() => Current.Kind == TokenKind.Name ? _tokens[_next++].Text : throw Fails($"has {Describe(Current)} where a name is expected");

    private static string Describe(TemplateToken token) => token.Kind == TokenKind.String ? $"the string \"{token.Text}\"" : $"\"{token.Text}\"";

    private SightlineException Fails(string what) => TemplateLexer.Fails(_source, _tokens[Math.Min(_next, _tokens.Count - 1)].Line, what);
}
