using System.Text.Json.Nodes;
using Sightline.Training.Recipes;

namespace Sightline.Training.Tests.Recipes;

public class RecipeReaderTests
{
    private const string Tuning = """{ "name": "n", "model": { "checkpoint": "m", "adapters": {} }, "train": [ { "name": "s", "problems": "p" } ], "stages": [ { "kind": "Supervised", "steps": 5 } ] }""";
    private const string Least = """{ "name": "n", "train": [ { "name": "s", "scenes": {} } ], "stages": [ { "kind": "Boxes", "steps": 5 } ] }""";

    [Fact]
    public void Keys_that_are_left_out_keep_their_defaults()
    {
        var recipe = RecipeReader.Parse(Least, "r");
        Assert.Equal(1UL, recipe.Seed);
        Assert.Equal(new ModelRecipe(), recipe.Model);
        Assert.Equal(new SceneRecipe().MaximumSide, recipe.Train[0].Scenes!.MaximumSide);
        Assert.Equal(1, recipe.Train[0].Weight);
        var (stage, plain) = (recipe.Stages[0], new StageRecipe { Kind = StageKind.Boxes, Steps = 5 });
        Assert.Equal(RecipeReader.Write(recipe with { Stages = [plain] }), RecipeReader.Write(recipe));
        Assert.Equal(8, stage.Batch);
        Assert.Equal(0.998, stage.AverageDecay);
        Assert.Equal(2, stage.Loss.Giou);
        Assert.Equal(5, stage.Loss.L1);
        var augmented = RecipeReader.Parse("""{ "name": "n", "train": [ { "name": "s", "pictures": { "path": "p", "augmentation": { "scale_low": 0.5 } } } ], "stages": [ { "kind": "Boxes", "steps": 5, "loss": { "l1": 3 } } ] }""", "r");
        Assert.Equal(0.5, augmented.Train[0].Pictures!.Augmentation!.ScaleLow);
        Assert.Equal(0.5, augmented.Train[0].Pictures!.Augmentation!.MirrorProbability);
        Assert.True(augmented.Train[0].Pictures!.Classes);
        Assert.Equal(2, augmented.Stages[0].Loss.Giou);
    }

    [Fact]
    public void What_is_written_reads_back_the_same()
    {
        var recipe = TinyRun.Recipe("stages[0].learning_rate_factors={\"head.\": 0.5}", "stages[1].freeze=[\"text_encoder.\"]");
        var text = RecipeReader.Write(recipe);
        Assert.Equal(text, RecipeReader.Write(RecipeReader.Parse(text, "written")));
    }

    [Fact]
    public void Comments_and_trailing_commas_are_allowed() =>
        Assert.Equal("n", RecipeReader.Parse($"// a comment\n{Least[..^1]}, /* and another */ }}", "r").Name);

    [Theory]
    [InlineData("""{ "name": "n" """, "r, line 1: ")]
    [InlineData("null", "the recipe is empty")]
    [InlineData("[]", "the recipe has a value of the wrong kind: an object in braces is needed")]
    [InlineData("{\n \"name\" \"n\" }", "r, line 2: this is no JSON from here on")]
    [InlineData("{ \"name\": \"n\", \"name\": \"m\" }", "r: name stands twice")]
    [InlineData("{ \"name\": \"n\", \"train\": [], \"stages\": [ { \"kind\": \"Boxes\", \"steps\": 5, \"steps\": 6 } ] }", "r: stages[0].steps stands twice")]
    [InlineData("""{ "train": [], "stages": [] }""", "lacks 'name'")]
    [InlineData("{\n \"name\": \"n\",\n \"colour\": 1 }", "r, line 3: 'colour' is not a key of recipes")]
    [InlineData("""{ "name": "n", "train": [ { "name": "s", "scenes": { "sides": 3 } } ], "stages": [] }""", "'train[0].scenes.sides' is not a key of recipes")]
    [InlineData("""{ "name": "n", "train": [], "stages": [] }""", "train lists no source")]
    [InlineData("""{ "name": "a/b", "train": [], "stages": [] }""", "cannot be a folder name")]
    public void A_recipe_that_cannot_be_read_is_refused_with_the_place(string text, string sentence) => Refuses(text, [], sentence);

    [Theory]
    [InlineData("stages[0].steps=0", "stages[0].steps must be positive, is 0")]
    [InlineData("stages[0].steps=1.5", "stages[0].steps has a value of the wrong kind: a whole number is needed")]
    [InlineData("seed=-1", "seed has a value of the wrong kind: a whole number from 0 is needed")]
    [InlineData("name=3", "name has a value of the wrong kind: a text in quotes is needed")]
    [InlineData("stages[0].mixed_precision=1", "stages[0].mixed_precision has a value of the wrong kind: true or false is needed")]
    [InlineData("stages[0].freeze=head", "stages[0].freeze has a value of the wrong kind: a list in brackets is needed")]
    [InlineData("stages[0].learning_rate=fast", "stages[0].learning_rate has a value of the wrong kind: a number is needed")]
    [InlineData("stages[0].schedule=Step", "stages[0].schedule has a value of the wrong kind: Cosine, Linear or Constant is needed")]
    [InlineData("stages[0].kind=7", "stages[0].kind must be Contrastive or Boxes")]
    [InlineData("stages[0].validate_every=-1", "stages[0].validate_every must not be negative, is -1")]
    [InlineData("validation=[{\"name\": \"v\", \"pictures\": {\"path\": \"p\", \"augmentation\": {\"mirror_probability\": 5}}}]", "source 'v': mirror_probability must be 0 to 1, is 5")]
    [InlineData("validation=[{\"name\": \"v\", \"pictures\": {\"path\": \"p\", \"augmentation\": {\"scale_low\": 2}}}]", "source 'v': scale_low and scale_high must be positive and in this order, are 2 and 1.5")]
    [InlineData("model.initialize_from=", "r with --set: model.initialize_from is empty: give a folder, or leave the key out")]
    [InlineData("model.initialize_from=no/such/model", "r with --set: model.initialize_from is 'no/such/model', and there is no such folder: looked at /")]
    [InlineData("stages[0].kind=Other", "stages[0].kind has a value of the wrong kind: Contrastive or Boxes is needed")]
    [InlineData("stages[0].batch=-1", "stages[0].batch must not be negative")]
    [InlineData("stages[0].accumulate=0", "stages[0].accumulate must be positive")]
    [InlineData("stages[0].learning_rate=0", "stages[0].learning_rate must be positive")]
    [InlineData("stages[0].warm_up=-1", "stages[0].warm_up must not be negative")]
    [InlineData("stages[0].gradient_clip=0", "stages[0].gradient_clip must be positive")]
    [InlineData("stages[0].average_decay=1", "stages[0].average_decay must be in [0, 1), is 1")]
    [InlineData("stages[0].maximum_phrases=0", "stages[0].maximum_phrases must be positive")]
    [InlineData("stages[0].sources=[\"x\"]", "stages[0].sources names 'x', which train does not list")]
    [InlineData("train[0].weight=0", "weight must be positive")]
    [InlineData("train[0].pictures={\"path\": \"p\"}", "needs either scenes or pictures")]
    [InlineData("picture_memory=-1", "picture_memory is in MiB, 0 to 1048576, not -1")]
    [InlineData("train[0].absent_phrases=-1", "source 's': absent_phrases must be 0 to 64, is -1")]
    [InlineData("train[0].absent_phrases=1000", "source 's': absent_phrases must be 0 to 64, is 1000")]
    [InlineData("train[0].absent_from=a.json", "source 's': absent_from needs absent_phrases")]
    [InlineData("validation=[{\"name\": \"v\", \"scenes\": {}, \"absent_phrases\": 2}]", "source 'v': absent_phrases are for training")]
    [InlineData("validation=[{\"name\": \"v\", \"pictures\": {\"path\": \"p\", \"hold_out_every\": 1}}]", "source 'v': hold_out_every must be 0 (nothing held out) or at least 2, is 1")]
    [InlineData("validation=[{\"name\": \"v\", \"pictures\": {\"path\": \"p\", \"hold_out_every\": 2, \"hold_out_block\": 0}}]", "source 'v': hold_out_block must be positive, is 0")]
    [InlineData("validation=[{\"name\": \"v\", \"pictures\": {\"path\": \"p\", \"held_out_part\": true}}]", "source 'v': held_out_part needs hold_out_every")]
    [InlineData("validation=[{\"name\": \"v\", \"pictures\": {\"path\": \"p\", \"expressions\": -1}}]", "source 'v': expressions must not be negative, is -1")]
    [InlineData("model.preset=huge", "model.preset is 'huge'; known are nano, small, base")]
    [InlineData("model.image_size=100", "r with --set: model.image_size must be a multiple of 16 from 32 to 4096, is 100")]
    [InlineData("model.image_size=1000000", "r with --set: model.image_size must be a multiple of 16 from 32 to 4096, is 1000000")]
    [InlineData("model.dropout=1", "r with --set: model.dropout must be in [0, 1), is 1")]
    [InlineData("seed=18446744073709551616", "r with --set: seed is 18446744073709551616: the largest number allowed is 18446744073709551615")]
    [InlineData("stages[0].steps=3000000000", "stages[0].steps is 3000000000: the largest number allowed is 2147483647")]
    [InlineData("model.image_size=-3000000000", "model.image_size is -3000000000: the smallest number that can be read is -2147483647")]
    public void A_value_out_of_range_is_refused_with_its_key(string setting, string sentence) => Refuses(Least, [setting], sentence);

    [Theory]
    [InlineData(Least, "name=null", "name is null: give a value")]
    [InlineData(Least, "seed=null", "seed is null: give a value, or leave the key out")]
    [InlineData(Least, "model=null", "model is null: give a value, or leave the key out")]
    [InlineData(Least, "model.preset=null", "model.preset is null: give a value, or leave the key out")]
    [InlineData(Least, "train=null", "train is null: give a value")]
    [InlineData(Least, "train[0]=null", "train[0] is null: give a value, or take it out of the list")]
    [InlineData(Least, "train[0].name=null", "train[0].name is null")]
    [InlineData(Least, "train[0].scenes.held_out=[\"red star\", null]", "train[0].scenes.held_out[1] is null")]
    [InlineData(Least, "validation=null", "validation is null")]
    [InlineData(Least, "validation=[{\"name\": \"v\", \"pictures\": {\"path\": null}}]", "validation[0].pictures.path is null")]
    [InlineData(Least, "stages=null", "stages is null")]
    [InlineData(Least, "stages[0]=null", "stages[0] is null")]
    [InlineData(Least, "stages[0].freeze=null", "stages[0].freeze is null")]
    [InlineData(Least, "stages[0].loss=null", "stages[0].loss is null")]
    [InlineData(Tuning, "model.checkpoint=null", "model.checkpoint is null")]
    [InlineData(Tuning, "model.weights=null", "model.weights is null")]
    [InlineData(Tuning, "model.adapters.targets=[null]", "model.adapters.targets[0] is null")]
    [InlineData(Tuning, "stages[0].rewards=[null]", "stages[0].rewards[0] is null")]
    [InlineData(Tuning, "stages[0].tripwires=null", "stages[0].tripwires is null")]
    [InlineData(Tuning, "stages[0].group=3000000000", "stages[0].group is 3000000000: the largest number allowed is 2147483647")]
    public void Null_is_refused_with_its_key_wherever_a_value_is_needed(string recipe, string setting, string sentence)
    {
        var error = Assert.Throws<SightlineException>(() => RecipeReader.ParseAny(recipe, "r", [setting]));
        Assert.Equal(ErrorKind.BadRecipe, error.Kind);
        Assert.StartsWith($"r with --set: {sentence}", error.Message, StringComparison.Ordinal);
        var text = JsonNode.Parse(recipe)!.AsObject();
        RecipeOverride.Apply(text, setting);
        Assert.StartsWith($"r: {sentence}", Assert.Throws<SightlineException>(() => RecipeReader.ParseAny(text.ToJsonString(), "r")).Message, StringComparison.Ordinal);
    }

    /// <summary>Every key of every recipe: one that is written out as null where that has no meaning must not end in a defect of Sightline.</summary>
    [Fact]
    public void No_key_takes_null_in_silence_or_fails_inside()
    {
        var whole = JsonNode.Parse(RecipeReader.Write(RecipeReader.Parse(Least, "r") with { Validation = [new SourceRecipe { Name = "v", Pictures = new PictureRecipe { Path = "p", Augmentation = new() } }] }))!;
        foreach (var key in Keys(whole, ""))
        {
            try
            {
                RecipeReader.Parse(whole.ToJsonString(), "r", [$"{key}=null"]);
            }
            catch (SightlineException error)
            {
                Assert.Equal(ErrorKind.BadRecipe, error.Kind);
            }
        }
    }

    private static IEnumerable<string> Keys(JsonNode? node, string path)
    {
        if (path.Length > 0) yield return path;
        var children = node switch
        {
            JsonObject parent => parent.Select(entry => (Key: path.Length == 0 ? entry.Key : $"{path}.{entry.Key}", entry.Value)),
            JsonArray list => list.Select((entry, i) => (Key: $"{path}[{i}]", Value: entry)),
            _ => [],
        };
        foreach (var (key, value) in children)
        {
            foreach (var inner in Keys(value, key)) yield return inner;
        }
    }

    [Fact]
    public void Values_can_be_set_from_outside()
    {
        var recipe = RecipeReader.Parse(Least, "r", ["model.image_size=96", "seed=9", "stages[0].learning_rate=1e-4", "name=other", "stages[0].freeze=[\"head.\"]", "output=null"]);
        Assert.Equal((96, 9UL, 1e-4, "other"), (recipe.Model.ImageSize!.Value, recipe.Seed, recipe.Stages[0].LearningRate, recipe.Name));
        Assert.Equal(["head."], recipe.Stages[0].Freeze);
        Assert.Null(recipe.Output);
    }

    [Theory]
    [InlineData("steps")]
    [InlineData("=3")]
    [InlineData("stages.steps=3")]
    [InlineData("stages[x].steps=3")]
    [InlineData("stages[1].steps=3")]
    [InlineData("name.length=3")]
    [InlineData("seed[0]=3")]
    public void A_setting_that_leads_nowhere_is_refused(string setting)
    {
        var error = Assert.Throws<SightlineException>(() => RecipeReader.Parse(Least, "r", [setting]));
        Assert.Equal(ErrorKind.Usage, error.Kind);
    }

    [Fact]
    public void A_difference_names_the_first_key_that_differs()
    {
        var recipe = TinyRun.Recipe();
        Assert.Null(RecipeDifference.First(recipe with { Output = "elsewhere" }, recipe));
        Assert.Null(RecipeDifference.First(TinyRun.Recipe("stages[0].batch=0"), recipe));
        Assert.Equal("seed is 3 there and 4 here", RecipeDifference.First(recipe with { Seed = 4 }, recipe));
        Assert.Equal("stages[1].loss.giou is 2 there and 3 here", RecipeDifference.First(TinyRun.Recipe("stages[1].loss={\"giou\": 3}"), recipe));
        Assert.Equal("stages has 2 entries there and 1 here", RecipeDifference.First(recipe with { Stages = [recipe.Stages[0]] }, recipe));
        Assert.Equal("model.initialize_from is nothing there and \"m\" here", RecipeDifference.First(recipe with { Model = recipe.Model with { InitializeFrom = "m" } }, recipe));
    }

    [Fact]
    public void A_missing_file_is_named()
    {
        var error = Assert.Throws<SightlineException>(() => RecipeReader.Read("/not/there.json"));
        Assert.Equal(ErrorKind.NotFound, error.Kind);
        Assert.Contains("/not/there.json", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_is_no_recipe()
    {
        var error = Assert.Throws<SightlineException>(() => RecipeReader.Read(Path.GetTempPath()));
        Assert.Equal(ErrorKind.Usage, error.Kind);
        Assert.Contains("is a folder: give a recipe file", error.Message, StringComparison.Ordinal);
    }

    private static void Refuses(string text, string[] settings, string sentence)
    {
        var error = Assert.Throws<SightlineException>(() => RecipeReader.Parse(text, "r", settings));
        Assert.True(error.Kind is ErrorKind.BadRecipe or ErrorKind.BadModel or ErrorKind.NotFound, $"{error.Kind}");
        Assert.Contains(sentence, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Sightline.Training.Recipes", error.Message, StringComparison.Ordinal);
    }
}
