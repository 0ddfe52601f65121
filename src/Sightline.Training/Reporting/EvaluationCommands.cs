using System.Globalization;
using System.Text;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;

namespace Sightline.Training.Reporting;

/// <summary>The command lines that measure a model on a validation source again.</summary>
internal static class EvaluationCommands
{
    /// <summary>None for generated scenes, and for parts of a data set that the commands cannot name.</summary>
    public static IEnumerable<string> Of(SourceRecipe source, ISampleSource opened, ulong seed)
    {
        if (source.Pictures is not { } pictures || opened is not PictureSource data || (pictures.HoldOutEvery > 0 && !pictures.HeldOutPart)) yield break;
        var part = Part(pictures);
        var draws = string.Create(CultureInfo.InvariantCulture, $" --seed {seed}"); // of expressions and intervals, as FinalMeasurement
        if (data.ClassPhrases.Count > 0) yield return $"sightline evaluate detection --model THIS_FOLDER{part}{draws}";
        if (!data.HasExpressions) yield break;
        var expressions = data.GeneratedExpressions == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" --expressions {data.GeneratedExpressions}");
        var incomplete = pictures.IncompleteLabels.Count == 0 ? "" : $" --incomplete-labels {string.Join(' ', pictures.IncompleteLabels.Select(Quote))}";
        yield return $"sightline evaluate referring --model THIS_FOLDER{part}{expressions}{incomplete}{draws}";
    }

    private static string Part(PictureRecipe pictures)
    {
        var text = new StringBuilder($" --data {Quote(pictures.Path)}");
        if (pictures.Split is { } split) text.Append(CultureInfo.InvariantCulture, $" --split {Quote(split)}");
        if (pictures.HoldOutEvery > 0) text.Append(CultureInfo.InvariantCulture, $" --hold-out-every {pictures.HoldOutEvery} --hold-out-block {pictures.HoldOutBlock}");
        if (pictures.Phrases is { } phrases) text.Append(CultureInfo.InvariantCulture, $" --phrases {Quote(phrases)}");
        return text.ToString();
    }

    private static string Quote(string text) => text.Contains(' ', StringComparison.Ordinal) ? $"'{text}'" : text;
}
