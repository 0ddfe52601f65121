using Sightline.Training.Recipes;

namespace Sightline.Training.Reporting;

/// <summary>What somebody should know of a tuning run that came to its end and taught less than it seems.</summary>
public static class TuningRemarks
{
    /// <summary>One sentence each; none where all is well.</summary>
    /// <param name="recipe">The recipe as it was trained.</param>
    /// <param name="lines">The log of the run.</param>
    public static IReadOnlyList<string> Of(LanguageRecipe recipe, IReadOnlyList<LogLine> lines)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(lines);
        var remarks = new List<string>();
        for (var index = 0; index < recipe.Stages.Count; index++)
        {
            var stage = recipe.Stages[index];
            LogLine[] steps = [.. lines.Where(line => line.Stage == index && line.Group == "train")];
            if (stage.Kind != LanguageStageKind.Reinforcement || steps.Length == 0) continue;
            foreach (var reward in stage.Rewards.Where(reward => !steps.Any(step => step.Values.ContainsKey(reward.Name))))
                remarks.Add($"stage {index + 1}: the reward '{reward.Name}' gave no number for any answer, so nothing was learned from it");
            if (steps.All(step => step.Values.GetValueOrDefault("idle_groups") >= stage.Prompts))
                remarks.Add($"stage {index + 1}: in all {steps.Length} steps the answers to a problem were rewarded alike, so nothing was learned; --preflight 8 says why");
        }

        return remarks;
    }
}
