using System.Globalization;

namespace Sightline.Benchmarks;

/// <summary>Reads <c>--name value</c> pairs and <c>--flag</c>s.</summary>
internal static class Options
{
    public static string? Text(string[] arguments, string name)
    {
        var at = Array.IndexOf(arguments, name);
        return at >= 0 && at + 1 < arguments.Length ? arguments[at + 1] : null;
    }

    public static int Number(string[] arguments, string name, int otherwise) =>
        Text(arguments, name) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : otherwise;

    public static bool Flag(string[] arguments, string name) => Array.IndexOf(arguments, name) >= 0;
}
