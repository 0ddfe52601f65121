using System.CommandLine;

namespace Sightline.Cli;

/// <summary><c>--value PLACE=TEXT</c>: texts for places of a prompt template.</summary>
internal static class PlaceValues
{
    public static Option<string[]> Option()
    {
        var option = new Option<string[]>("--value") { Description = "Text for another place of the template; may be repeated", HelpName = "PLACE=TEXT", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };
        option.Validators.Add(result =>
        {
            foreach (var token in result.Tokens)
            {
                if (token.Value.IndexOf('=', StringComparison.Ordinal) <= 0) result.AddError($"--value takes PLACE=TEXT, as subject=\"a plant\", not '{token.Value}'");
            }
        });
        return option;
    }

    public static IReadOnlyList<(string Place, string Value)> Of(string[]? values) => [.. (values ?? []).Select(value => value.Split('=', 2)).Select(parts => (parts[0], parts[1]))];
}
