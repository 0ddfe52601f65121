using System.Globalization;
using System.Text;
using Sightline.Checkpoints;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;

namespace Sightline.Training.Reporting;

/// <summary>The README.md of a trained model: what it is, what it was trained on, what was measured, how to make it again.</summary>
public static class ModelCard
{
    /// <summary>Writes the card into a model folder.</summary>
    /// <exception cref="SightlineException">CannotWrite.</exception>
    public static void Write(string folder, TrainingRecipe recipe, long parameters, IReadOnlyList<GroundingScore> scores, ScoreProvenance provenance)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(provenance);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"# {recipe.Name}\n\nA Sightline grounding model: give it a picture and words, it gives boxes.\n\n");
        text.Append(CultureInfo.InvariantCulture, $"- preset `{recipe.Model.Preset}`, canvas {recipe.Model.ToConfig().ImageSize} x {recipe.Model.ToConfig().ImageSize}, {parameters / 1e6:0.0} M parameters\n");
        text.Append(CultureInfo.InvariantCulture, $"- trained on: {string.Join(", ", recipe.Train.Select(Describe))}\n");
        if (recipe.Model.InitializeFrom is { } start) text.Append(CultureInfo.InvariantCulture, $"- started from: {start}\n");
        text.Append("\n## Measured on held-out samples\n\n");
        if (scores.Count == 0) text.Append("Nothing was measured: the recipe lists no validation source.\n");
        else text.Append("| source | AP | AP50 | accuracy at IoU 0.5 | of these, relational | expressions | presence MCC |\n|---|---|---|---|---|---|---|\n");
        foreach (var score in scores)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {score.Source} | {Figure(score.Detection?.Stats[0])} | {Figure(score.Detection?.Stats[1])} | {Figure(score.Accuracy)} | {Figure(score.RelationalAccuracy)} | {score.Expressions} | {Figure(score.PresenceMcc)} |\n");
        }

        text.Append("\n## Limits\n\nIt knows what it was trained on, and little else: phrases about other things, other kinds of pictures, and other magnifications need training of their own.\n");
        text.Append(CultureInfo.InvariantCulture, $"\n## How it was made\n\n    {provenance.Command}\n\nseed {recipe.Seed}, commit {provenance.Commit}, {provenance.Machine}\n");
        text.Append(CultureInfo.InvariantCulture, $"\n```json\n{RecipeReader.Write(recipe)}\n```\n");
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), text.ToString());
    }

    private static string Describe(SourceRecipe source) => source.Pictures is { } pictures ? $"{source.Name} ({Path.GetFileName(pictures.Path.TrimEnd('/'))})" : $"{source.Name} (generated scenes)";

    private static string Figure(double? value) => value is { } v && double.IsFinite(v) && v >= 0 ? v.ToString("0.000", CultureInfo.InvariantCulture) : "–";
}
