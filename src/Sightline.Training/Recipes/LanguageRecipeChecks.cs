using Sightline.Hub;
using Sightline.Nn;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Recipes;

/// <summary>The ranges of the values of a <see cref="LanguageRecipe"/>.</summary>
internal static class LanguageRecipeChecks
{
    /// <exception cref="SightlineException">BadRecipe with the key, its range and its value; NotFound for a model folder.</exception>
    public static void Check(LanguageRecipe recipe, string where)
    {
        void Require(bool holds, string problem)
        {
            if (!holds) throw new SightlineException(ErrorKind.BadRecipe, $"{where}: {problem}");
        }

        Require(recipe.Name.Length > 0 && recipe.Name.IndexOfAny(Path.GetInvalidFileNameChars()) < 0, $"name '{recipe.Name}' cannot be a folder name");
        Require(recipe.Train.Count > 0, "train lists no source");
        Require(recipe.Stages.Count > 0, "stages is empty");
        var names = recipe.Train.Select(source => source.Name).ToHashSet(StringComparer.Ordinal);
        Require(names.Count == recipe.Train.Count, "two sources in train have the same name");
        foreach (var source in recipe.Train.Concat(recipe.Validation))
        {
            Require(source.Weight > 0 && double.IsFinite(source.Weight), FormattableString.Invariant($"source '{source.Name}': weight must be positive, is {source.Weight}"));
            Require(source.Count >= 0, $"source '{source.Name}': count must not be negative, is {source.Count}");
            CheckProblems(source, Require);
        }

        CheckModel(recipe.Model, Require);
        for (var i = 0; i < recipe.Stages.Count; i++) CheckStage(recipe.Stages[i], i, names, where, Require);
    }

    /// <summary>Where a source's problems come from.</summary>
    internal static void CheckProblems(ProblemSourceRecipe source, Action<bool, string> require)
    {
        var of = $"source '{source.Name}'";
        var kinds = new object?[] { source.Problems, source.Scenes, source.Pictures }.Count(kind => kind is not null);
        require(kinds == 1, $"{of} needs one of problems, scenes and pictures");
        if (source.Problems is { } file) require(File.Exists(file) || Directory.Exists(file), $"{of}: problems is '{file}', and there is no such file or folder: looked at {Path.GetFullPath(file)}");
        require(source.Split is null || source.Problems is not null, $"{of}: split is for problems; give it inside pictures");
        require((source.Scenes ?? (PhraseProblemRecipe?)source.Pictures)?.Step is null or (> 0 and <= 500), $"{of}: step must be 1 to 500");
        if (source.Pictures is { } pictures)
        {
            require(pictures.HoldOutEvery is 0 or >= 2 && pictures.HoldOutBlock > 0, $"{of}: hold_out_every must be 0 (nothing held out) or at least 2, hold_out_block positive");
            require(!pictures.HeldOutPart || pictures.HoldOutEvery > 0, $"{of}: held_out_part needs hold_out_every, which says what is held out");
            require(pictures.MostBoxes > 0, $"{of}: most_boxes must be positive, is {pictures.MostBoxes}");
        }

        if (source.Scenes is not { } scenes) return;
        require(scenes.SmallRadius.Count == 2 && scenes.LargeRadius.Count == 2, $"{of}: small_radius and large_radius are two numbers each, from and to");
        require(scenes.Questions is > 0 and <= 16, $"{of}: questions must be 1 to 16, is {scenes.Questions}");
        require(scenes.Count > 0, $"{of}: count must be positive, is {scenes.Count}");
    }

    private static void CheckModel(LanguageModelRecipe model, Action<bool, string> require)
    {
        var place = HubCache.Resolve(model.Checkpoint);
        require(Directory.Exists(place), $"model.checkpoint is '{model.Checkpoint}', and there is no such folder: looked at {Path.GetFullPath(place)}");
        Reworded("model.weights", () => WeightPlan.Parse(model.Weights), require);
        require(model.AdaptersFrom is null || Directory.Exists(model.AdaptersFrom), $"model.adapters_from is '{model.AdaptersFrom}', and there is no such folder");
        var trainsWeights = model.Adapters is null && model.AdaptersFrom is null;
        require(!trainsWeights || model.Weights is "as-stored" or "float32" or "f32", $"model.weights is '{model.Weights}': such weights cannot be trained; give model.adapters, or leave model.weights out");
        if (model.Adapters is { } adapters) Reworded("model.adapters", adapters.ToOptions().Check, require);
        require(model.MinimumPixels is null or > 0 && model.MaximumPixels is null or > 0, "model.minimum_pixels and model.maximum_pixels must be positive");
    }

    private static void CheckStage(LanguageStageRecipe stage, int index, HashSet<string> sources, string where, Action<bool, string> require)
    {
        var at = $"stages[{index}]";
        require(Enum.IsDefined(stage.Kind), $"{at}.kind must be {RecipeProblem.Names<LanguageStageKind>()}");
        require(Enum.IsDefined(stage.Idle), $"{at}.idle must be {RecipeProblem.Names<IdleGroups>()}");
        require(Enum.IsDefined(stage.Scale), $"{at}.scale must be {RecipeProblem.Names<AdvantageScaling>()}");
        RecipeChecks.CheckCommon(stage, at, sources, require);
        require(stage.Prompts > 0, $"{at}.prompts must be positive, is {stage.Prompts}");
        require(stage.Batch >= 0, $"{at}.batch must not be negative, is {stage.Batch}");
        require(stage.ShowEvery >= 0, $"{at}.show_every must not be negative, is {stage.ShowEvery}");
        foreach (var reward in stage.Rewards) require(double.IsFinite(reward.Weight), FormattableString.Invariant($"{at}.rewards: the weight of '{reward.Name}' must be a number, is {reward.Weight}"));
        require(stage.MaximumCompletion > 0, $"{at}.maximum_completion must be positive, is {stage.MaximumCompletion}");
        if (stage.Kind != LanguageStageKind.Reinforcement)
        {
            require(stage.Tripwires.Rollbacks == 0, $"{at}.tripwires.rollbacks is {stage.Tripwires.Rollbacks}: a supervised stage draws nothing at random, so it would come to the same again");
            return;
        }

        require(stage.Rewards.Count > 0, $"{at}.rewards lists none: name at least one, such as sightline/box_iou (sightline reward --list shows all)");
        require(stage.Group >= 2, $"{at}.group is {stage.Group}: answers are compared within their group, so it needs at least 2");
        require(stage.Temperature > 0 && float.IsFinite(stage.Temperature), FormattableString.Invariant($"{at}.temperature must be above 0, is {stage.Temperature}: without chance all answers of a group are one"));
        require(stage.TopP is > 0 and <= 1, FormattableString.Invariant($"{at}.top_p must be above 0 and at most 1, is {stage.TopP}"));
        require(stage.TopK is 0 or >= 2, $"{at}.top_k must be 0 (all) or at least 2, is {stage.TopK}");
        require(stage.Updates > 0, $"{at}.updates must be positive, is {stage.Updates}");
        require(stage.Redraws >= 0, $"{at}.redraws must not be negative, is {stage.Redraws}");
        require(stage.Tripwires is { Kl: null or > 0, Entropy: null or >= 0, RewardLoss: null or (> 0 and <= 1), Rollbacks: >= 0 }, $"{at}.tripwires: kl must be above 0, entropy and rollbacks not negative, reward_loss above 0 and at most 1");
        require(stage.Clip is >= 0 and <= 1, FormattableString.Invariant($"{at}.clip must be from 0 to 1, is {stage.Clip}"));
        require(stage.ClipHigh is null or >= 0, FormattableString.Invariant($"{at}.clip_high must not be negative, is {stage.ClipHigh}"));
        require(stage.Delta is null or > 1, FormattableString.Invariant($"{at}.delta must be above 1, is {stage.Delta}"));
        require(stage.Beta >= 0 && double.IsFinite(stage.Beta), FormattableString.Invariant($"{at}.beta must not be negative, is {stage.Beta}"));
        require(stage.KlLimit > 0, FormattableString.Invariant($"{at}.kl_limit must be above 0, is {stage.KlLimit}"));
        Reworded($"{at}.loss", () => stage.ToLossOptions().Check(), require);
        require(stage.Loss != "cispo" || stage.ToLossOptions().EpsilonHigh >= 1, FormattableString.Invariant($"{at}.clip_high: for cispo it is the largest weight of a token, 1 where nothing has changed yet; give at least 1 (5 is usual), not {stage.ClipHigh ?? stage.Clip}"));
    }

    /// <summary>A refusal of the thing itself, with the key in front.</summary>
    private static void Reworded(string key, Action check, Action<bool, string> require)
    {
        try
        {
            check();
        }
        catch (SightlineException error)
        {
            require(false, $"{key}: {error.Message}");
        }
    }
}
