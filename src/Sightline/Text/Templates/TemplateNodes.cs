namespace Sightline.Text.Templates;

/// <summary>A statement of a template.</summary>
internal abstract record TemplateStatement(int Line);

internal sealed record TextStatement(int Line, string Text) : TemplateStatement(Line);

internal sealed record PrintStatement(int Line, TemplateExpression Value) : TemplateStatement(Line);

/// <summary>Name = Value, or Name.Attribute = Value on a namespace.</summary>
internal sealed record SetStatement(int Line, string Name, string? Attribute, TemplateExpression Value) : TemplateStatement(Line);

/// <summary>if and elif branches in order; a null condition is else.</summary>
internal sealed record IfStatement(int Line, IReadOnlyList<(TemplateExpression? Condition, IReadOnlyList<TemplateStatement> Body)> Branches) : TemplateStatement(Line);

internal sealed record ForStatement(
    int Line, IReadOnlyList<string> Names, TemplateExpression Items, TemplateExpression? Filter,
    IReadOnlyList<TemplateStatement> Body, IReadOnlyList<TemplateStatement> Else) : TemplateStatement(Line);

internal sealed record MacroStatement(
    int Line, string Name, IReadOnlyList<(string Name, TemplateExpression? Default)> Parameters, IReadOnlyList<TemplateStatement> Body) : TemplateStatement(Line);

/// <summary>An expression of a template.</summary>
internal abstract record TemplateExpression(int Line);

internal sealed record LiteralExpression(int Line, object? Value) : TemplateExpression(Line);

internal sealed record NameExpression(int Line, string Name) : TemplateExpression(Line);

internal sealed record ListExpression(int Line, IReadOnlyList<TemplateExpression> Items) : TemplateExpression(Line);

internal sealed record MapExpression(int Line, IReadOnlyList<(TemplateExpression Key, TemplateExpression Value)> Items) : TemplateExpression(Line);

internal sealed record UnaryExpression(int Line, string Operator, TemplateExpression Value) : TemplateExpression(Line);

internal sealed record BinaryExpression(int Line, string Operator, TemplateExpression Left, TemplateExpression Right) : TemplateExpression(Line);

internal sealed record ConditionalExpression(int Line, TemplateExpression Condition, TemplateExpression Then, TemplateExpression? Otherwise) : TemplateExpression(Line);

internal sealed record ItemExpression(int Line, TemplateExpression Value, TemplateExpression Key) : TemplateExpression(Line);

internal sealed record AttributeExpression(int Line, TemplateExpression Value, string Name) : TemplateExpression(Line);

internal sealed record SliceExpression(
    int Line, TemplateExpression Value, TemplateExpression? Start, TemplateExpression? End, TemplateExpression? Step) : TemplateExpression(Line);

internal sealed record CallExpression(
    int Line, TemplateExpression Function, IReadOnlyList<TemplateExpression> Arguments, IReadOnlyList<(string Name, TemplateExpression Value)> Named) : TemplateExpression(Line);

internal sealed record FilterExpression(int Line, TemplateExpression Value, string Name, IReadOnlyList<TemplateExpression> Arguments) : TemplateExpression(Line);

internal sealed record TestExpression(int Line, TemplateExpression Value, string Name, bool Negated) : TemplateExpression(Line);
