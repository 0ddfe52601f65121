using System.Text;

namespace Sightline.Text.Templates;

/// <summary>
/// One rendering of a template: a plain walk over its statements with a limit on the work, so that a hostile template
/// ends in an error and not in a hang.
/// </summary>
internal sealed class TemplateEvaluation
{
    private const int MostSteps = 5_000_000, MostOutput = 64 << 20, DeepestCalls = 50;

    private readonly string _source;
    private StringBuilder _output = new();
    private int _steps;
    private int _calls;

    private TemplateEvaluation(string source) => _source = source;

    public static string Render(IReadOnlyList<TemplateStatement> body, IReadOnlyDictionary<string, object?> variables, string source)
    {
        var evaluation = new TemplateEvaluation(source);
        var globals = new TemplateScope(null);
        foreach (var (name, value) in variables) globals.Set(name, value);
        evaluation.Run(body, globals);
        return evaluation._output.ToString();
    }

    private void Run(IReadOnlyList<TemplateStatement> body, TemplateScope scope)
    {
        foreach (var statement in body)
        {
            Step(statement.Line);
            switch (statement)
            {
                case TextStatement text:
                    Append(text.Text, text.Line);
                    break;
                case PrintStatement print:
                    var value = Evaluate(print.Value, scope);
                    Append(TemplateValues.Print(value) ?? throw Fails(print.Line, "prints a list, a map or a function, which is not supported (use tojson)"), print.Line);
                    break;
                case SetStatement set:
                    Set(set, scope);
                    break;
                case IfStatement conditional:
                    foreach (var (condition, branch) in conditional.Branches)
                    {
                        if (condition is not null && !IsTrue(condition, scope)) continue;
                        Run(branch, scope);
                        break;
                    }

                    break;
                case ForStatement loop:
                    Loop(loop, scope);
                    break;
                case MacroStatement macro:
                    scope.Set(macro.Name, Macro(macro, scope));
                    break;
            }
        }
    }

    private void Set(SetStatement set, TemplateScope scope)
    {
        var value = Evaluate(set.Value, scope);
        if (set.Attribute is null)
        {
            scope.Set(set.Name, value);
            return;
        }

        if (scope.Get(set.Name) is not TemplateNamespace target) throw Fails(set.Line, $"sets {set.Name}.{set.Attribute}, but {set.Name} is not a namespace");
        target.Members[set.Attribute] = value;
    }

    private void Loop(ForStatement loop, TemplateScope scope)
    {
        var items = TemplateValues.Items(Evaluate(loop.Items, scope)) ?? throw Fails(loop.Line, "loops over something that has no items");
        if (loop.Filter is { } filter)
        {
            items = [.. items.Where(item =>
            {
                var inner = new TemplateScope(scope);
                Bind(loop, item, inner);
                return IsTrue(filter, inner);
            })];
        }

        for (var i = 0; i < items.Count; i++)
        {
            Step(loop.Line);
            var inner = new TemplateScope(scope);
            Bind(loop, items[i], inner);
            inner.Set("loop", new Dictionary<string, object?>
            {
                ["index"] = i + 1L,
                ["index0"] = (long)i,
                ["revindex"] = (long)(items.Count - i),
                ["revindex0"] = items.Count - i - 1L,
                ["first"] = i == 0,
                ["last"] = i == items.Count - 1,
                ["length"] = (long)items.Count,
                ["previtem"] = i > 0 ? items[i - 1] : UndefinedValue.Instance,
                ["nextitem"] = i + 1 < items.Count ? items[i + 1] : UndefinedValue.Instance,
            });
            Run(loop.Body, inner);
        }

        if (items.Count == 0) Run(loop.Else, new TemplateScope(scope));
    }

    private void Bind(ForStatement loop, object? item, TemplateScope scope)
    {
        if (loop.Names.Count == 1)
        {
            scope.Set(loop.Names[0], item);
            return;
        }

        var parts = item as IReadOnlyList<object?>;
        if (parts?.Count != loop.Names.Count) throw Fails(loop.Line, $"takes {loop.Names.Count} values from an item that has not so many");
        for (var i = 0; i < parts.Count; i++) scope.Set(loop.Names[i], parts[i]);
    }

    private TemplateFunction Macro(MacroStatement macro, TemplateScope scope) => (arguments, named) =>
    {
        if (++_calls > DeepestCalls) throw Fails(macro.Line, $"calls {macro.Name} too deep");
        if (arguments.Count > macro.Parameters.Count) throw Fails(macro.Line, $"gives {macro.Name} too many arguments");
        var inner = new TemplateScope(scope);
        for (var i = 0; i < macro.Parameters.Count; i++)
        {
            var (name, fallback) = macro.Parameters[i];
            inner.Set(name, i < arguments.Count ? arguments[i] : named.TryGetValue(name, out var value) ? value
                : fallback is null ? UndefinedValue.Instance : Evaluate(fallback, inner));
        }

        var outer = _output;
        _output = new StringBuilder();
        Run(macro.Body, inner);
        var text = _output.ToString();
        _output = outer;
        _calls--;
        return text;
    };

    private bool IsTrue(TemplateExpression expression, TemplateScope scope) => TemplateValues.IsTrue(Evaluate(expression, scope));

    private object? Evaluate(TemplateExpression expression, TemplateScope scope)
    {
        Step(expression.Line);
        return expression switch
        {
            LiteralExpression literal => literal.Value,
            NameExpression name => Name(name, scope),
            ListExpression list => list.Items.Select(i => Evaluate(i, scope)).ToList(),
            MapExpression map => Map(map, scope),
            UnaryExpression { Operator: "not" } not => !IsTrue(not.Value, scope),
            UnaryExpression negate => Evaluate(negate.Value, scope) switch
            {
                long n => (object)-n,
                double d => -d,
                _ => throw Fails(negate.Line, "negates something that is not a number"),
            },
            BinaryExpression binary => Binary(binary, scope),
            ConditionalExpression choice => IsTrue(choice.Condition, scope) ? Evaluate(choice.Then, scope)
                : choice.Otherwise is null ? UndefinedValue.Instance : Evaluate(choice.Otherwise, scope),
            ItemExpression item => Member(Evaluate(item.Value, scope), Evaluate(item.Key, scope), item.Line),
            AttributeExpression attribute => Member(Evaluate(attribute.Value, scope), attribute.Name, attribute.Line),
            SliceExpression slice => Slice(slice, scope),
            CallExpression call => Call(call, scope),
            FilterExpression filter => TemplateFilters.Apply(
                filter.Name, Evaluate(filter.Value, scope), [.. filter.Arguments.Select(a => Evaluate(a, scope))], what => Fails(filter.Line, what)),
            TestExpression test => TemplateFilters.Test(test.Name, Evaluate(test.Value, scope), what => Fails(test.Line, what)) != test.Negated,
            _ => throw Fails(expression.Line, "has an expression that is not supported"),
        };
    }

    private object? Name(NameExpression name, TemplateScope scope)
    {
        var value = scope.Get(name.Name);
        if (value is not UndefinedValue) return value;
        return name.Name switch
        {
            "namespace" => (TemplateFunction)((_, named) => new TemplateNamespace(new Dictionary<string, object?>(named))),
            "range" => (TemplateFunction)((arguments, _) => Range(arguments, name.Line)),
            "raise_exception" => (TemplateFunction)((arguments, _) => throw new SightlineException(
                ErrorKind.BadData, $"{_source}: the chat template refuses the messages: {(arguments.Count > 0 ? TemplateValues.Print(arguments[0]) : "")}")),
            _ => value,
        };
    }

    private List<object?> Range(IReadOnlyList<object?> arguments, int line)
    {
        if (arguments.Count is < 1 or > 2 || arguments.Any(a => a is not long)) throw Fails(line, "calls range with something other than one or two integers");
        var (from, to) = arguments.Count == 1 ? (0L, (long)arguments[0]!) : ((long)arguments[0]!, (long)arguments[1]!);
        if (to - from > MostSteps) throw Fails(line, "counts too far");
        var list = new List<object?>();
        for (var i = from; i < to; i++) list.Add(i);
        return list;
    }

    private Dictionary<string, object?> Map(MapExpression map, TemplateScope scope)
    {
        var result = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (key, value) in map.Items)
        {
            result[Evaluate(key, scope) as string ?? throw Fails(map.Line, "has a map with a key that is not a string")] = Evaluate(value, scope);
        }

        return result;
    }

    private object? Binary(BinaryExpression binary, TemplateScope scope)
    {
        var left = Evaluate(binary.Left, scope);
        if (binary.Operator == "or") return TemplateValues.IsTrue(left) ? left : Evaluate(binary.Right, scope);
        if (binary.Operator == "and") return TemplateValues.IsTrue(left) ? Evaluate(binary.Right, scope) : left;
        var right = Evaluate(binary.Right, scope);
        switch (binary.Operator)
        {
            case "==": return TemplateValues.AreEqual(left, right);
            case "!=": return !TemplateValues.AreEqual(left, right);
            case "in": return Contains(right, left, binary.Line);
            case "~":
                return (TemplateValues.Print(left) ?? throw Fails(binary.Line, "joins a list or a map as text"))
                    + (TemplateValues.Print(right) ?? throw Fails(binary.Line, "joins a list or a map as text"));
            case "+" when left is string a && right is string b: return Limited(a, b, binary.Line);
            case "+" when left is IReadOnlyList<object?> a && right is IReadOnlyList<object?> b: return (List<object?>)[.. a, .. b];
            case "<" or ">" or "<=" or ">=" when left is string a && right is string b: return Compare(binary.Operator, string.CompareOrdinal(a, b));
        }

        if (TemplateValues.Number(left) is not { } x || TemplateValues.Number(right) is not { } y) throw Fails(binary.Line, $"applies {binary.Operator} to values that it does not fit");
        if (binary.Operator is "<" or ">" or "<=" or ">=") return Compare(binary.Operator, x.CompareTo(y));
        return left is long n && right is long m ? Integers(binary, n, m) : Reals(binary, x, y);
    }

    private string Limited(string a, string b, int line) => a.Length + (long)b.Length <= MostOutput ? a + b : throw Fails(line, "makes too long a text");

    private object Integers(BinaryExpression binary, long n, long m) => binary.Operator switch
    {
        "+" => (object)(n + m), // boxed as what it is: the arms must not meet in double
        "-" => n - m,
        "*" => n * m,
        _ when m == 0 => throw Fails(binary.Line, "divides by zero"),
        "/" => n / (double)m,
        "//" => (long)Math.Floor(n / (double)m),
        _ => ((n % m) + m) % m,
    };

    private object Reals(BinaryExpression binary, double x, double y) => binary.Operator switch
    {
        "+" => x + y,
        "-" => x - y,
        "*" => x * y,
        _ when y == 0 => throw Fails(binary.Line, "divides by zero"),
        "/" => x / y,
        "//" => Math.Floor(x / y),
        _ => x - (y * Math.Floor(x / y)),
    };

    private static bool Compare(string comparison, int order) => comparison switch
    {
        "<" => order < 0,
        ">" => order > 0,
        "<=" => order <= 0,
        _ => order >= 0,
    };

    private bool Contains(object? container, object? item, int line) => container switch
    {
        string text => item is string part ? text.Contains(part, StringComparison.Ordinal) : throw Fails(line, "looks in a text for something that is not text"),
        IReadOnlyDictionary<string, object?> map => item is string key && map.ContainsKey(key),
        IReadOnlyList<object?> list => list.Any(x => TemplateValues.AreEqual(x, item)),
        UndefinedValue => false,
        _ => throw Fails(line, "looks with \"in\" into something that has no items"),
    };

    private object? Member(object? value, object? key, int line)
    {
        switch (value, key)
        {
            case (UndefinedValue, _):
                throw Fails(line, $"asks for \"{TemplateValues.Print(key)}\" of something that is not defined");
            case (TemplateNamespace space, string name):
                return space.Members.GetValueOrDefault(name, UndefinedValue.Instance);
            case (IReadOnlyDictionary<string, object?> map, string name) when map.TryGetValue(name, out var found):
                return found;
            case (IReadOnlyList<object?> list, long index):
                index += index < 0 ? list.Count : 0;
                return index >= 0 && index < list.Count ? list[(int)index] : UndefinedValue.Instance;
            case (string text, long index):
                index += index < 0 ? text.Length : 0;
                return index >= 0 && index < text.Length ? text[(int)index].ToString() : UndefinedValue.Instance;
            case (_, string name):
                return (object?)TemplateFilters.Method(value, name, what => Fails(line, what)) ?? UndefinedValue.Instance;
            default:
                return UndefinedValue.Instance;
        }
    }

    private object Slice(SliceExpression slice, TemplateScope scope)
    {
        var value = Evaluate(slice.Value, scope);
        long? Bound(TemplateExpression? e) => e is null ? null : Evaluate(e, scope) is long n ? n : throw Fails(slice.Line, "slices with something that is not an integer");
        var (start, end, step) = (Bound(slice.Start), Bound(slice.End), Bound(slice.Step) ?? 1);
        if (step == 0) throw Fails(slice.Line, "slices with step 0");
        var items = value is string text ? [.. text.Select(c => (object?)c.ToString())] : value as IReadOnlyList<object?> ?? throw Fails(slice.Line, "slices something that is not a list or text");
        var count = items.Count;
        long Place(long? bound, long fallback) => bound is not { } b ? fallback : Math.Clamp(b < 0 ? b + count : b, step > 0 ? 0 : -1, step > 0 ? count : count - 1);
        var result = new List<object?>();
        var (from, to) = step > 0 ? (Place(start, 0), Place(end, count)) : (Place(start, count - 1), Place(end, -1));
        for (var i = from; step > 0 ? i < to : i > to; i += step) result.Add(items[(int)i]);
        return value is string ? string.Concat(result) : result;
    }

    private object? Call(CallExpression call, TemplateScope scope)
    {
        if (Evaluate(call.Function, scope) is not TemplateFunction function)
        {
            throw Fails(call.Line, call.Function is NameExpression n ? $"calls \"{n.Name}\", which is not supported" : "calls something that is not a function");
        }

        var named = new Dictionary<string, object?>(StringComparer.Ordinal);
        foreach (var (name, value) in call.Named) named[name] = Evaluate(value, scope);
        return function([.. call.Arguments.Select(a => Evaluate(a, scope))], named);
    }

    private void Append(string text, int line)
    {
        if (_output.Length + (long)text.Length > MostOutput) throw Fails(line, "makes too long a text");
        _output.Append(text);
    }

    private void Step(int line)
    {
        if (++_steps > MostSteps) throw Fails(line, "does not come to an end");
    }

    private SightlineException Fails(int line, string what) => TemplateLexer.Fails(_source, line, what);
}

/// <summary>Names to values, one level of a template.</summary>
internal sealed class TemplateScope(TemplateScope? outer)
{
    private readonly Dictionary<string, object?> _names = new(StringComparer.Ordinal);

    public void Set(string name, object? value) => _names[name] = value;

    public object? Get(string name)
    {
        for (var scope = this; scope is not null; scope = scope.Outer)
        {
            if (scope._names.TryGetValue(name, out var value)) return value;
        }

        return UndefinedValue.Instance;
    }

    private TemplateScope? Outer { get; } = outer;
}

/// <summary>The one kind of value that inner scopes may change: what <c>namespace(…)</c> makes.</summary>
internal sealed record TemplateNamespace(Dictionary<string, object?> Members);
