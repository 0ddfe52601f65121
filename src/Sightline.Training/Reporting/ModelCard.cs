using System.Globalization;
using System.Text;
using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;
using Sightline.Training.Recipes;

namespace Sightline.Training.Reporting;

/// <summary>
/// The README of a trained model: what it is, how good it was measured to be, what it was trained on and under which licences, and how to
/// make it again (the sections of Mitchell et al. 2019, "Model cards for model reporting", that a training run can know).
/// </summary>
public static class ModelCard
{
    /// <summary>Writes <c>README.md</c> into a model folder.</summary>
    public static void Write(string folder, GroundingTrainer trainer, IReadOnlyList<GroundingScore> scores, ScoreProvenance provenance)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(provenance);
        var recipe = trainer.Recipe;
        var config = trainer.Model.Config;
        var card = new StringBuilder();
        card.Append(CultureInfo.InvariantCulture, $"# {recipe.Name}\n\n");
        card.Append(CultureInfo.InvariantCulture, $"A grounding model: give it a picture and words, it gives boxes. Fusion architecture, {(recipe.Model.Config is null ? $"preset `{recipe.Model.Preset}`" : "sizes of its own (config.json)")}, {trainer.Model.Parameters.Count / 1e6:0.00} million parameters, canvas {config.ImageSize} x {config.ImageSize} pixels, phrases of up to {config.MaxPhraseTokens} word pieces (English).\n\n");
        card.Append("    sightline ground PICTURE \"PHRASE\" --model THIS_FOLDER\n\n");
        AppendScores(card, scores, trainer);
        AppendData(card, recipe, trainer);
        AppendTraining(card, recipe, provenance);
        card.Append("""
            ## Limits

            The model knows what its training data shows and the words they are described by; other things and other words are guesses. Scores
            are not probabilities of being right. Figures were measured on data like the training data: measure on your own before relying on it.

            """);
        AtomicFile.WriteText(Path.Combine(folder, "README.md"), card.ToString());
    }

    private static void AppendScores(StringBuilder card, IReadOnlyList<GroundingScore> scores, GroundingTrainer trainer)
    {
        card.Append("## Measured\n\n");
        if (scores.Count == 0)
        {
            card.Append("The recipe names no validation data: nothing was measured.\n\n");
            return;
        }

        card.Append("On samples that were not trained on, with this folder as it is, on the whole pictures. AP is COCO's, over the class phrases; accuracy is the share of expressions with one target whose best box has an IoU of at least 0.5 with it, asked one by one; presence is the correlation (MCC) of \"something is here\" with the truth, over all expressions. In brackets: 95 % intervals, from drawing the pictures again.\n\n");
        card.Append("| source | samples | AP | AP50 | accuracy | of relations | expressions | presence |\n|---|--:|--:|--:|--:|--:|--:|--:|\n");
        foreach (var score in scores)
        {
            var samples = trainer.Validation.FirstOrDefault(source => source.Name == score.Source)?.Count;
            var (detection, boxes) = (score.Detection, score.Referring?.Boxes);
            card.Append(CultureInfo.InvariantCulture, $"| {Cell(score.Source)} | {samples} | {Figure(detection?.Stats[0], detection?.Intervals.ElementAtOrDefault(0))} | {Figure(detection?.Stats[1], detection?.Intervals.ElementAtOrDefault(1))} | {Figure(score.Accuracy, boxes?.AccuracyIntervals.ElementAtOrDefault(1))} | {Figure(score.RelationalAccuracy)} | {score.Expressions} | {Figure(score.PresenceMcc, score.Presence?.Interval)} |\n");
        }

        card.Append('\n');
        var commands = trainer.Recipe.Validation.Zip(trainer.Validation).SelectMany(pair => EvaluationCommands.Of(pair.First, pair.Second, trainer.Recipe.Seed)).ToList();
        if (commands.Count > 0) card.Append("The same figures again:\n\n").Append(string.Concat(commands.Select(command => $"    {command}\n"))).Append('\n');
    }

    private static void AppendData(StringBuilder card, TrainingRecipe recipe, GroundingTrainer trainer)
    {
        card.Append("## Data\n\n| use | source | samples | what | licence |\n|---|---|--:|---|---|\n");
        foreach (var (source, opened) in recipe.Train.Zip(trainer.Train)) AppendSource(card, "training", source, opened);
        foreach (var (source, opened) in recipe.Validation.Zip(trainer.Validation)) AppendSource(card, "validation", source, opened);
        card.Append('\n');
        if (recipe.Model.InitializeFrom is { } start) card.Append(CultureInfo.InvariantCulture, $"Training started from the weights in `{Path.GetFileName(start.TrimEnd('/'))}`; their data and licence apply, too.\n\n");
        card.Append("The word pieces are those of the BERT tokenizer beside the weights.\n\n");
    }

    private static void AppendSource(StringBuilder card, string use, SourceRecipe source, ISampleSource opened)
    {
        var (what, licence) = source.Pictures is { } pictures
            ? (pictures.About ?? $"the data set `{Path.GetFileName(pictures.Path.TrimEnd('/'))}`", pictures.Licence ?? "not stated in the recipe")
            : ("generated scenes", "none needed: generated by Sightline");
        card.Append(CultureInfo.InvariantCulture, $"| {use} | {Cell(source.Name)} | {opened.Count?.ToString(CultureInfo.InvariantCulture) ?? "endless"} | {Cell(what)} | {Cell(licence)} |\n");
    }

    private static void AppendTraining(StringBuilder card, TrainingRecipe recipe, ScoreProvenance provenance)
    {
        card.Append("## Training\n\n| stage | kind | steps | pictures a step | learning rate |\n|--:|---|--:|--:|--:|\n");
        for (var i = 0; i < recipe.Stages.Count; i++)
        {
            var stage = recipe.Stages[i];
            card.Append(CultureInfo.InvariantCulture, $"| {i + 1} | {stage.Kind} | {stage.Steps} | {stage.Batch * stage.Accumulate} | {stage.LearningRate:0.######} |\n");
        }

        card.Append(CultureInfo.InvariantCulture, $"\nSeed {recipe.Seed}; the same recipe, code and kind of processor give the same bits.\n\n");
        card.Append(CultureInfo.InvariantCulture, $"- command: `{provenance.Command}`\n- commit: {provenance.Commit}\n- machine: {provenance.Machine}\n\n");
        card.Append("<details><summary>The whole recipe</summary>\n\n```json\n").Append(RecipeReader.Write(recipe)).Append("\n```\n\n</details>\n\n");
    }

    private static string Cell(string text) => text.Replace("|", "\\|", StringComparison.Ordinal).ReplaceLineEndings(" ");

    private static string Figure(double? value) => value is { } v && double.IsFinite(v) ? v.ToString("0.000", CultureInfo.InvariantCulture) : "–";

    private static string Figure(double? value, Interval? interval) =>
        interval is { Low: > -1 } range ? string.Create(CultureInfo.InvariantCulture, $"{Figure(value)} ({range.Low:0.000} to {range.High:0.000})") : Figure(value);
}
