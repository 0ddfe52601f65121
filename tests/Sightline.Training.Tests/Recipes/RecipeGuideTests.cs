using System.Globalization;
using System.Reflection;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Sightline.Imaging.Augmentation;
using Sightline.Testing;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;

namespace Sightline.Training.Tests.Recipes;

/// <summary>docs/guide/recipes.md names every key of a recipe, no other, with its default.</summary>
public partial class RecipeGuideTests
{
    public static TheoryData<string, Type> Sections => new()
    {
        { "The run", typeof(TrainingRecipe) },
        { "`model`", typeof(ModelRecipe) },
        { "A source (`train`, `validation`)", typeof(SourceRecipe) },
        { "`scenes`", typeof(SceneRecipe) },
        { "`pictures`", typeof(PictureRecipe) },
        { "`augmentation`", typeof(AugmentationOptions) },
        { "A stage", typeof(StageRecipe) },
        { "`loss`", typeof(GroundingLossWeights) },
        { "The tuning run", typeof(LanguageRecipe) },
        { "The language model", typeof(LanguageModelRecipe) },
        { "`adapters`", typeof(AdapterRecipe) },
        { "A source of problems", typeof(ProblemSourceRecipe) },
        { "A stage of tuning", typeof(LanguageStageRecipe) },
        { "`rewards`", typeof(RewardRecipe) },
        { "`tripwires`", typeof(TripwireRecipe) },
    };

    [Theory]
    [MemberData(nameof(Sections))]
    public void The_guide_lists_the_keys_with_their_defaults(string title, Type type)
    {
        var rows = Section(title);
        var properties = type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(property => property.SetMethod is { IsPublic: true }).ToDictionary(property => property.GetCustomAttribute<JsonPropertyNameAttribute>()?.Name ?? JsonNamingPolicy.SnakeCaseLower.ConvertName(property.Name));
        Assert.Equal(properties.Keys.Order(StringComparer.Ordinal), rows.Keys.Order(StringComparer.Ordinal));
        var values = Activator.CreateInstance(type);
        foreach (var (key, property) in properties)
        {
            var expected = property.GetValue(values) switch
            {
                bool value => value ? "true" : "false",
                IFormattable value when property.PropertyType.IsPrimitive => value.ToString(null, CultureInfo.InvariantCulture),
                Enum value => $"`{value}`",
                _ => null,
            };
            if (expected is null || rows[key].Length == 0) continue; // required, or nothing to print
            var same = rows[key] == expected
                || (double.TryParse(rows[key], CultureInfo.InvariantCulture, out var given) && double.TryParse(expected, CultureInfo.InvariantCulture, out var wanted) && given == wanted);
            Assert.True(same, $"{title}, {key}: the guide says {rows[key]}, the code {expected}");
        }
    }

    /// <summary>Key to default of the table below a heading.</summary>
    private static Dictionary<string, string> Section(string title)
    {
        var text = File.ReadAllText(Path.Combine(Fixtures.Root, "docs", "guide", "recipes.md"));
        var section = Regex.Split(text, "^#+ ", RegexOptions.Multiline).Single(part => part.StartsWith(title + "\n", StringComparison.Ordinal));
        return Row().Matches(section).ToDictionary(match => match.Groups[1].Value, match => match.Groups[2].Value.Trim());
    }

    [GeneratedRegex(@"^\| `(\w+)` \|([^|]*)\|", RegexOptions.Multiline)]
    private static partial Regex Row();
}
