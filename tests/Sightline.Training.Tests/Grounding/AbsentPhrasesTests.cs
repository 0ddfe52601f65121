using Sightline.Training.Grounding;
using Sightline.Training.Recipes;
using Sightline.Training.Tests.Data;

namespace Sightline.Training.Tests.Grounding;

/// <summary>Phrases of other data sets as "nothing here".</summary>
public sealed class AbsentPhrasesTests : IDisposable
{
    private static readonly string[] Foreign = ["king", "kings", "playing card"];
    private readonly DataFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Classes_of_the_other_sources_are_asked_for_and_mean_nothing()
    {
        var said = new HashSet<string>();
        var source = Absent("blood", 2, null, Pictures("cards", "king", "playing_card"), Pictures("smears", "blood cell"));
        for (var i = 0; i < 60; i++)
        {
            var (sample, plain) = (source.Get(i), Pictures("blood", "cell").Get(i));
            Assert.Equal(plain.Phrases, sample.Phrases[..plain.Phrases.Length]);
            Assert.Equal(plain.Targets, sample.Targets[..plain.Phrases.Length]);
            Assert.Equal(plain.Phrases.Length + 2, sample.Phrases.Length);
            Assert.Equal(sample.Phrases.Length, sample.Targets.Length);
            Assert.Equal(sample.Phrases.Length, sample.PositionSensitive.Length);
            for (var p = plain.Phrases.Length; p < sample.Phrases.Length; p++)
            {
                Assert.Empty(sample.Targets[p]);
                Assert.False(sample.PositionSensitive[p]);
                Assert.Contains(Foreign, word => sample.Phrases[p].Contains(word, StringComparison.Ordinal));
                said.Add(sample.Phrases[p]);
            }
        }

        Assert.Contains("king", said);          // as detection asks
        Assert.Contains("the kings", said);     // as expressions say it
        Assert.Contains("playing card", said);
        Assert.DoesNotContain(said, phrase => phrase.Contains("cell", StringComparison.Ordinal)); // a "blood cell" may be a cell of this source
    }

    [Fact]
    public void The_same_number_gives_the_same_phrases_in_any_order()
    {
        ISampleSource Open(ulong seed) => Absent("blood", 3, _folder.Write("list.json", "[\"a dog\", \"the red car\", \"person\"]"), seed, Pictures("cards", "king", "queen", "ace"));
        var forward = Enumerable.Range(0, 20).Select(i => Open(7).Get(i).Phrases).ToArray();
        var (again, other) = (Open(7), Open(8));
        for (var i = 19; i >= 0; i--) Assert.Equal(forward[i], again.Get(i).Phrases);
        Assert.NotEqual(forward, Enumerable.Range(0, 20).Select(i => other.Get(i).Phrases));
    }

    [Fact]
    public void A_list_of_phrases_is_said_as_it_stands_and_never_about_what_is_there()
    {
        var list = _folder.Write("list.json", "[\"a dog\", \"the cell\", \"CELLS\", \"two red cars\"]");
        var said = Enumerable.Range(0, 30).SelectMany(i => Absent("blood", 2, list).Get(i).Phrases[1..]).ToHashSet();
        Assert.Equal(["a dog", "two red cars"], said.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void A_class_name_file_is_worded_like_classes()
    {
        var list = _folder.Write("names.json", "{\"ox\": {\"one\": [\"ox\"], \"many\": [\"oxen\"]}}");
        var said = Enumerable.Range(0, 60).Select(i => Absent("blood", 1, list).Get(i).Phrases[^1]).ToHashSet();
        Assert.Contains("ox", said);
        Assert.Contains("the oxen", said);
    }

    [Fact]
    public void Scenes_are_asked_for_classes_of_pictures_but_not_for_their_own_shapes()
    {
        var recipe = new SourceRecipe { Name = "scenes", Scenes = new SceneRecipe { Phrases = 3 }, AbsentPhrases = 2 };
        var scenes = new SceneSource("scenes", recipe.Scenes, 1, TinyRun.Processor(), endless: true);
        var source = new AbsentPhrases(scenes, recipe, [Pictures("cards", "king", "circle")], 1);
        var added = Enumerable.Range(0, 30).SelectMany(i => source.Get(i).Phrases.Skip(scenes.Get(i).Phrases.Length)).ToList();
        Assert.True(added.Count >= 30);
        Assert.All(added, phrase => Assert.Contains("king", phrase, StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_trains_with_them()
    {
        using var place = new RunPlace();
        using var folder = place.Folder();
        string[] settings = ["stages[0].steps=1", "stages[1].steps=2", "validation=[]", "train[0].absent_phrases=2",
            $$"""train[0].absent_from="{{_folder.Write("list.json", "[\"a dog\"]")}}" """];
        using var trainer = new GroundingTrainer(TinyRun.Recipe(settings), folder);
        Assert.True(trainer.Run(new Watcher(), CancellationToken.None).Completed);
        Assert.IsType<SceneSource>(trainer.Train[0]);
    }

    [Theory]
    [InlineData("[]", "is empty")]
    [InlineData("[\"dog\", 3]", "an entry that is no phrase")]
    [InlineData("[\"dog\", \" \"]", "an entry that is no phrase")]
    [InlineData("[\"dog\"", "not valid JSON")]
    [InlineData("7", "a JSON object from label to phrase")]
    public void A_list_that_cannot_be_used_is_refused(string text, string sentence)
    {
        var error = Assert.Throws<SightlineException>(() => Absent("blood", 2, _folder.Write("bad.json", text)));
        Assert.Equal(ErrorKind.BadData, error.Kind);
        Assert.Contains("bad.json", error.Message, StringComparison.Ordinal);
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_list_that_is_not_there_and_nothing_to_draw_from_are_named()
    {
        Assert.Equal(ErrorKind.NotFound, Assert.Throws<SightlineException>(() => Absent("blood", 2, _folder["none.json"])).Kind);
        var error = Assert.Throws<SightlineException>(() => Absent("blood", 2, null, Pictures("smears", "blood cell")));
        Assert.Equal(ErrorKind.BadRecipe, error.Kind);
        Assert.Contains("source 'blood' asks for absent_phrases", error.Message, StringComparison.Ordinal);
    }

    private AbsentPhrases Absent(string name, int count, string? list, params ISampleSource[] others) => Absent(name, count, list, 1, others);

    private AbsentPhrases Absent(string name, int count, string? list, ulong seed, params ISampleSource[] others) =>
        new(Pictures(name, "cell"), new SourceRecipe { Name = name, AbsentPhrases = count, AbsentFrom = list }, others, seed);

    /// <summary>Two pictures with a box of the first class.</summary>
    private PictureSource Pictures(string name, params string[] classes)
    {
        var lines = new List<string> { $$"""{"classes": ["{{string.Join("\", \"", classes)}}"]}""" };
        foreach (var picture in new[] { "a", "b" })
        {
            _folder.WriteBmp($"{name}/{picture}.bmp", 32, 24, (x, y) => ((byte)(x * 5), (byte)(y * 7), (byte)picture[0]));
            lines.Add($$"""{"picture": "{{picture}}.bmp", "width": 32, "height": 24, "frame": "pixels", "objects": [{"label": "{{classes[0]}}", "box": [3, 4, 20, 19]}]}""");
        }

        return new PictureSource(name, new PictureRecipe { Path = _folder.Write($"{name}/set.jsonl", string.Join('\n', lines)) }, 1, TinyRun.Processor(), training: true);
    }
}
