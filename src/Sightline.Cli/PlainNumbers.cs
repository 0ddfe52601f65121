using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Sightline.Cli;

/// <summary>Numbers on the command line: a decimal point everywhere, and a comma is an error, not a mark of thousands (0,5 is not 5).</summary>
internal static class PlainNumbers
{
    public static void Use(Option option)
    {
        if (option is Option<double> number) number.CustomParser = result => Read(result) ?? 0;
        else if (option is Option<double?> optional) optional.CustomParser = Read;
    }

    /// <summary>Null for what is no number.</summary>
    public static double? Parse(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static double? Read(ArgumentResult result)
    {
        if (result.Tokens is not [var token]) return null;
        if (Parse(token.Value) is { } value) return value;
        result.AddError($"Cannot parse argument '{token.Value}' for option '{(result.Parent as OptionResult)?.Option.Name}': a number is needed, such as 0.5");
        return null;
    }
}
