using System.Text.Json;
using Sightline.Tensors;
using Sightline.Training.Expressions;
using Sightline.Training.Recipes;
using Sightline.Training.Scenes;

namespace Sightline.Training.Grounding;

/// <summary>
/// A training source whose samples are also asked for what they cannot show: classes of the other sources and phrases of a list, as
/// phrases that mean nothing here. Without them a model that learned blood cells and playing cards together finds "the king" in a
/// blood smear, since no sample ever said otherwise. Which phrases a sample gets depends on the seed and its number alone.
/// </summary>
public sealed class AbsentPhrases : ISampleSource
{
    private const int DrawsAPhrase = 4;
    private readonly ISampleSource _source;
    private readonly int _most;
    private readonly IReadOnlyList<IReadOnlyList<Func<RandomStream, string>>> _pools;
    private readonly IReadOnlyList<string[]> _own;
    private readonly RandomStream _random;

    /// <summary>Adds up to <see cref="SourceRecipe.AbsentPhrases"/> phrases to each sample of a source.</summary>
    /// <param name="source">Gives the samples.</param>
    /// <param name="recipe">How many phrases, and a list to draw them from.</param>
    /// <param name="others">The other training sources; those with classes are drawn from, too.</param>
    /// <param name="seed">Of the run.</param>
    /// <exception cref="SightlineException">BadRecipe: there is nothing to draw from. NotFound, BadData: the list cannot be read.</exception>
    public AbsentPhrases(ISampleSource source, SourceRecipe recipe, IEnumerable<ISampleSource> others, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(source);
        ArgumentNullException.ThrowIfNull(recipe);
        _source = source;
        _most = recipe.AbsentPhrases;
        _random = new RandomStream(seed).Fork(source.Name).Fork("absent");
        _own = [.. OwnNames(source).Select(Words)];
        var classes = others.OfType<PictureSource>().SelectMany(other => other.Data.Classes.Select(label => (other.Names, Label: label)))
            .Where(entry => IsForeign(entry.Names[entry.Label])).Select(entry => Sayings(entry.Names, entry.Label)).ToList();
        var listed = recipe.AbsentFrom is { } file ? Listed(file) : [];
        _pools = [.. new IReadOnlyList<Func<RandomStream, string>>[] { classes, listed }.Where(pool => pool.Count > 0)];
        if (_pools.Count == 0)
            throw new SightlineException(ErrorKind.BadRecipe, $"source '{source.Name}' asks for absent_phrases, but no other entry of train has classes that it lacks itself; name a list of phrases in absent_from");
    }

    /// <inheritdoc/>
    public string Name => _source.Name;

    /// <inheritdoc/>
    public int? Count => _source.Count;

    /// <inheritdoc/>
    public TrainingSample Get(long index)
    {
        var sample = _source.Get(index);
        var random = _random.Fork((ulong)index + 1);
        var taken = sample.Phrases.Select(Words).ToList();
        var absent = new List<string>(_most);
        for (var draw = 0; draw < DrawsAPhrase * _most && absent.Count < _most; draw++)
        {
            var phrase = random.Choose(random.Choose(_pools))(random);
            var words = Words(phrase);
            if (_own.Any(own => Overlap(own, words)) || taken.Any(said => Overlap(said, words))) continue;
            absent.Add(phrase);
            taken.Add(words);
        }

        return sample with
        {
            Phrases = [.. sample.Phrases, .. absent],
            Targets = [.. sample.Targets, .. absent.Select(_ => Array.Empty<int>())],
            PositionSensitive = [.. sample.PositionSensitive, .. absent.Select(_ => false)],
        };
    }

    /// <summary>The names of what the source itself can show.</summary>
    private static IEnumerable<string> OwnNames(ISampleSource source) => source switch
    {
        PictureSource pictures => pictures.Data.Classes.SelectMany(label => AllNames(pictures.Names[label])),
        SceneSource => SceneOptions.AllShapes.SelectMany(shape => AllNames(ClassNames.Plain[shape])),
        _ => [],
    };

    private static IEnumerable<string> AllNames(ClassName name) => name.One.Concat(name.Many);

    private bool IsForeign(ClassName name) => AllNames(name).Select(Words).All(words => !_own.Any(own => Overlap(own, words)));

    /// <summary>Half the time the usual phrase, as detection asks for it; else as expressions word it ("the kings").</summary>
    private static Func<RandomStream, string> Sayings(ClassNames names, string label)
    {
        var wording = new Wording(names, []);
        var meaning = new EveryMeaning(new Selector(label));
        return random => random.NextBool() ? names.PhraseOf(label) : wording.Say(meaning, random.NextInt(1, 3), random);
    }

    /// <summary>A list of phrases, said as they are, or a class name file, worded like classes.</summary>
    private static List<Func<RandomStream, string>> Listed(string path)
    {
        if (TryReadList(path) is not { } phrases)
        {
            var names = ClassNames.Load(path);
            return [.. names.Labels.Select(label => Sayings(names, label))];
        }

        if (phrases.Length == 0 || phrases.Any(string.IsNullOrWhiteSpace))
            throw new SightlineException(ErrorKind.BadData, $"{path}: absent_from takes a JSON list of phrases or a class name file; this list {(phrases.Length == 0 ? "is empty" : "has an entry that is no phrase")}");
        return [.. phrases.Select(phrase => (Func<RandomStream, string>)(_ => phrase!))];
    }

    /// <summary>The entries of a JSON list (null where one is no text); null for anything else, which <see cref="ClassNames.Load"/> explains.</summary>
    private static string?[]? TryReadList(string path)
    {
        try
        {
            using var document = JsonDocument.Parse(File.ReadAllBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Array
                ? [.. document.RootElement.EnumerateArray().Select(entry => entry.ValueKind == JsonValueKind.String ? entry.GetString() : null)]
                : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    private static string[] Words(string phrase)
    {
        var words = phrase.ToLowerInvariant().Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return words is ["the" or "a" or "an", .. var rest] ? rest : words;
    }

    /// <summary>True when one is a run of words inside the other: "cell" may mean any "white blood cell".</summary>
    private static bool Overlap(string[] a, string[] b) => a.Length <= b.Length ? b.AsSpan().IndexOf(a) >= 0 : a.AsSpan().IndexOf(b) >= 0;
}
