using System.Text.Json;
using Sightline.Training.Data;

namespace Sightline.Training.Expressions;

/// <summary>The readable words for one class: singular and plural, the first of each being the usual one.</summary>
public sealed record ClassName(IReadOnlyList<string> One, IReadOnlyList<string> Many);

/// <summary>
/// Readable phrases for the labels of a data set ("RBC" is "red blood cell"). A label without an entry speaks for itself:
/// lower case (but for abbreviations), with spaces for underscores.
/// </summary>
/// <remarks>
/// The side file is a JSON object from label to a phrase, to a list of phrases (synonyms, the usual one first), or to
/// <c>{"one": [...], "many": [...]}</c> where the plural is irregular:
/// <c>{"RBC": ["red blood cell", "erythrocyte"], "Platelets": "platelet"}</c>.
/// </remarks>
public sealed class ClassNames
{
    private readonly Dictionary<string, ClassName> _names;

    /// <summary>From names made in code.</summary>
    public ClassNames(IReadOnlyDictionary<string, ClassName> names) => _names = new(names, StringComparer.Ordinal);

    /// <summary>Every label speaks for itself.</summary>
    public static ClassNames Plain { get; } = new(new Dictionary<string, ClassName>());

    /// <summary>The labels that have an entry of their own.</summary>
    public IReadOnlyCollection<string> Labels => _names.Keys;

    /// <summary>Whether a label looks like an abbreviation ("WBC", "bgr"), which says nothing to a model that reads words.</summary>
    public static bool IsCode(string label)
    {
        ArgumentNullException.ThrowIfNull(label);
        var letters = label.Where(char.IsAsciiLetter).ToArray();
        return (letters.Length >= 2 && letters.All(char.IsAsciiLetterUpper)) || (letters.Length >= 3 && !letters.Any(letter => "aeiouyAEIOUY".Contains(letter, StringComparison.Ordinal)));
    }

    /// <summary>The words for a label.</summary>
    public ClassName this[string label] => _names.TryGetValue(label, out var name) ? name : FromPhrases([Readable(label)]);

    /// <summary>The usual phrase of a label, singular.</summary>
    public string PhraseOf(string label) => this[label].One[0];

    /// <summary>Reads a side file (see the remarks on the type).</summary>
    /// <exception cref="SightlineException">NotFound or BadData, naming the file and the label.</exception>
    public static ClassNames Load(string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"the class name file {path} cannot be read: {e.Message}", e);
        }

        try
        {
            using var document = JsonDocument.Parse(bytes);
            return Parse(document.RootElement, path);
        }
        catch (JsonException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{path}, line {e.LineNumber + 1}: not valid JSON ({e.Message})", e);
        }
    }

    /// <summary>As <see cref="Load"/>, for the classes of a data set.</summary>
    /// <exception cref="SightlineException">
    /// As there; BadData: the file names a label that the set does not have while a class of the set has no entry, which is how a slip looks.
    /// </exception>
    public static ClassNames LoadFor(DataSet data, string path)
    {
        ArgumentNullException.ThrowIfNull(data);
        var names = Load(path);
        var strays = names.Labels.Except(data.Classes).ToList();
        var bare = data.Classes.Except(names.Labels).ToList();
        if (data.Classes.Count > 0 && strays.Count > 0 && bare.Count > 0)
            throw new SightlineException(ErrorKind.BadData, $"{path} names '{strays[0]}', which is no class of {data.Name}, and has no entry for '{bare[0]}', which is one");
        return names;
    }

    /// <summary>The plural of an English noun phrase by the common rules, on its last word.</summary>
    public static string Plural(string phrase)
    {
        ArgumentNullException.ThrowIfNull(phrase);
        var space = phrase.LastIndexOf(' ');
        var (head, noun) = (phrase[..(space + 1)], phrase[(space + 1)..]);
        var plural = noun switch
        {
            "" => "",
            "person" => "people",
            "man" => "men",
            "woman" => "women",
            "child" => "children",
            "foot" => "feet",
            "tooth" => "teeth",
            "mouse" => "mice",
            "goose" => "geese",
            "knife" => "knives",
            "leaf" => "leaves",
            "shelf" => "shelves",
            "sheep" or "deer" or "fish" or "scissors" or "skis" or "aircraft" => noun,
            _ when noun.EndsWith('s') || noun.EndsWith('x') || noun.EndsWith('z') || noun.EndsWith("ch", StringComparison.Ordinal) || noun.EndsWith("sh", StringComparison.Ordinal) => noun + "es",
            _ when noun.Length > 1 && noun.EndsWith('y') && !"aeiou".Contains(noun[^2], StringComparison.Ordinal) => noun[..^1] + "ies",
            _ => noun + "s",
        };
        return head + plural;
    }

    private static ClassNames Parse(JsonElement root, string path)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new SightlineException(ErrorKind.BadData, $"{path}: a class name file is a JSON object from label to phrase, found {root.ValueKind}");
        var names = new Dictionary<string, ClassName>();
        foreach (var entry in root.EnumerateObject())
        {
            if (entry.Value.ValueKind == JsonValueKind.Object && entry.Value.TryGetProperty("one", out var one))
            {
                var singular = Phrases(one, path, entry.Name);
                names[entry.Name] = entry.Value.TryGetProperty("many", out var many)
                    ? new ClassName(singular, Phrases(many, path, entry.Name))
                    : FromPhrases(singular);
            }
            else
            {
                names[entry.Name] = FromPhrases(Phrases(entry.Value, path, entry.Name));
            }
        }

        return new ClassNames(names);
    }

    private static string[] Phrases(JsonElement value, string path, string label)
    {
        string[] phrases = value.ValueKind switch
        {
            JsonValueKind.String => [value.GetString()!],
            JsonValueKind.Array when value.EnumerateArray().All(v => v.ValueKind == JsonValueKind.String) => [.. value.EnumerateArray().Select(v => v.GetString()!)],
            _ => [],
        };
        if (phrases.Length == 0 || phrases.Any(string.IsNullOrWhiteSpace))
            throw new SightlineException(ErrorKind.BadData, $"{path}: the label '{label}' needs a phrase or a list of phrases");
        return phrases;
    }

    private static ClassName FromPhrases(IReadOnlyList<string> one) => new(one, [.. one.Select(Plural)]);

    private static string Readable(string label) => label.Replace('_', ' ').Trim() is { Length: > 0 } words ? IsCode(words) ? words : words.ToLowerInvariant() : label;
}
