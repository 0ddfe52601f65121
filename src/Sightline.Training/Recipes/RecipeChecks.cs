using Sightline.Hub;
using Sightline.Imaging;
using Sightline.Imaging.Augmentation;
using Sightline.Training.Grounding;

namespace Sightline.Training.Recipes;

/// <summary>The ranges of a recipe's values.</summary>
internal static class RecipeChecks
{
    /// <exception cref="SightlineException">BadRecipe with the key, its range and its value; NotFound for a model folder.</exception>
    public static void Check(TrainingRecipe recipe, string where)
    {
        void Require(bool holds, string problem)
        {
            if (!holds) throw new SightlineException(ErrorKind.BadRecipe, $"{where}: {problem}");
        }

        Require(recipe.Name.Length > 0 && recipe.Name.IndexOfAny(Path.GetInvalidFileNameChars()) < 0, $"name '{recipe.Name}' cannot be a folder name");
        Require(recipe.Train.Count > 0, "train lists no source");
        Require(recipe.Stages.Count > 0, "stages is empty");
        Require(recipe.PictureMemory is >= 0 and <= 1 << 20, $"picture_memory is in MiB, 0 to {1 << 20}, not {recipe.PictureMemory}");
        var names = recipe.Train.Select(source => source.Name).ToHashSet(StringComparer.Ordinal);
        Require(names.Count == recipe.Train.Count, "two sources in train have the same name");
        foreach (var source in recipe.Train.Concat(recipe.Validation))
        {
            Require((source.Scenes is null) != (source.Pictures is null), $"source '{source.Name}' needs either scenes or pictures");
            Require(source.Weight > 0 && double.IsFinite(source.Weight), $"source '{source.Name}': weight must be positive, is {source.Weight}");
            Require(source.AbsentPhrases is >= 0 and <= SourceRecipe.MostAbsentPhrases, $"source '{source.Name}': absent_phrases must be 0 to {SourceRecipe.MostAbsentPhrases}, is {source.AbsentPhrases}");
            Require(source.AbsentFrom is null || source.AbsentPhrases > 0, $"source '{source.Name}': absent_from needs absent_phrases, how many to draw from it");
            if (source.Pictures is { } pictures) CheckPictures(source.Name, pictures, Require);
            if (source.Pictures?.Augmentation is { } augmentation) CheckAugmentation(source.Name, augmentation, Require);
        }

        foreach (var source in recipe.Validation) Require(source.AbsentPhrases == 0, $"source '{source.Name}': absent_phrases are for training; validation asks what its own data says");

        for (var i = 0; i < recipe.Stages.Count; i++) CheckStage(recipe.Stages[i], i, names, Require);
        CheckModel(recipe.Model, where);
        try
        {
            recipe.Model.ToConfig();
        }
        catch (SightlineException error) when (error.Kind == ErrorKind.BadRecipe)
        {
            throw new SightlineException(ErrorKind.BadRecipe, $"{where}: {error.Message}", error);
        }
    }

    private static void CheckPictures(string name, PictureRecipe pictures, Action<bool, string> require)
    {
        require(pictures.HoldOutEvery is 0 or >= 2, $"source '{name}': hold_out_every must be 0 (nothing held out) or at least 2, is {pictures.HoldOutEvery}");
        require(pictures.HoldOutBlock > 0, $"source '{name}': hold_out_block must be positive, is {pictures.HoldOutBlock}");
        require(!pictures.HeldOutPart || pictures.HoldOutEvery > 0, $"source '{name}': held_out_part needs hold_out_every, which says what is held out");
        require(pictures.Expressions >= 0, $"source '{name}': expressions must not be negative, is {pictures.Expressions}");
    }

    private static void CheckAugmentation(string name, AugmentationOptions options, Action<bool, string> require)
    {
        Share("mirror_probability", options.MirrorProbability);
        Share("vertical_mirror_probability", options.VerticalMirrorProbability);
        Share("crop_probability", options.CropProbability);
        Share("color_probability", options.ColorProbability);
        Share("blur_probability", options.BlurProbability);
        Share("min_visible", options.MinVisible);
        Share("max_remnant", options.MaxRemnant);
        Share("translation", options.Translation);
        Share("brightness", options.Brightness);
        Share("contrast", options.Contrast);
        Share("saturation", options.Saturation);
        Share("hue", options.Hue);
        AtLeastZero("aspect_jitter", options.AspectJitter);
        AtLeastZero("min_side", options.MinSide);
        AtLeastZero("blur_sigma", options.BlurSigma);
        require(options.ScaleLow > 0 && options.ScaleLow <= options.ScaleHigh && double.IsFinite(options.ScaleHigh), FormattableString.Invariant($"source '{name}': scale_low and scale_high must be positive and in this order, are {options.ScaleLow} and {options.ScaleHigh}"));
        require(Enum.IsDefined(options.Fit), $"source '{name}': fit must be {RecipeProblem.Names<FitMode>()}");

        void Share(string key, double value) => require(value is >= 0 and <= 1, FormattableString.Invariant($"source '{name}': {key} must be 0 to 1, is {value}"));

        void AtLeastZero(string key, double value) => require(value >= 0 && double.IsFinite(value), FormattableString.Invariant($"source '{name}': {key} must not be negative, is {value}"));
    }

    private static void CheckModel(ModelRecipe model, string where)
    {
        foreach (var (key, folder) in new[] { ("initialize_from", model.InitializeFrom), ("image_encoder_from", model.ImageEncoderFrom), ("text_encoder_from", model.TextEncoderFrom), ("tokenizer", model.Tokenizer) })
        {
            if (folder is null) continue;
            if (string.IsNullOrWhiteSpace(folder)) throw new SightlineException(ErrorKind.BadRecipe, $"{where}: model.{key} is empty: give a folder, or leave the key out");
            if (key != "tokenizer") RequireFolder(key, folder, where); // the tokenizer follows the text encoder
        }
    }

    /// <summary>Names recipe, key and the place that was looked at where a model folder is missing.</summary>
    public static void RequireFolder(string key, string folder, string where)
    {
        var place = HubCache.Resolve(folder);
        if (!Directory.Exists(place)) throw new SightlineException(ErrorKind.NotFound, $"{where}: model.{key} is '{folder}', and there is no such folder: looked at {Path.GetFullPath(place)}");
    }

    private static void CheckStage(StageRecipe stage, int index, HashSet<string> sources, Action<bool, string> require)
    {
        var at = $"stages[{index}]";
        require(Enum.IsDefined(stage.Kind), $"{at}.kind must be {RecipeProblem.Names<StageKind>()}");
        require(Enum.IsDefined(stage.Contrast), $"{at}.contrast must be {RecipeProblem.Names<ContrastiveLossKind>()}");
        require(Enum.IsDefined(stage.Matching), $"{at}.matching must be {RecipeProblem.Names<MatchingKind>()}");
        CheckCommon(stage, at, sources, require);
        require(stage.Batch >= 0, $"{at}.batch must not be negative, is {stage.Batch}");
        require(stage.Accumulate > 0, $"{at}.accumulate must be positive, is {stage.Accumulate}");
        require(stage.MaximumPhrases > 0, $"{at}.maximum_phrases must be positive");
        require(stage.FewPhrases is >= 0 and <= 1, $"{at}.few_phrases must be 0 to 1, is {stage.FewPhrases}");
    }

    /// <summary>The ranges of what stages of every kind have.</summary>
    public static void CheckCommon(StageOptions stage, string at, HashSet<string> sources, Action<bool, string> require)
    {
        require(Enum.IsDefined(stage.Optimizer), $"{at}.optimizer must be {RecipeProblem.Names<OptimizerKind>()}");
        require(Enum.IsDefined(stage.Schedule), $"{at}.schedule must be {RecipeProblem.Names<ScheduleKind>()}");
        require(stage.Steps > 0, $"{at}.steps must be positive, is {stage.Steps}");
        require(stage.LearningRate > 0 && double.IsFinite(stage.LearningRate), $"{at}.learning_rate must be positive, is {stage.LearningRate}");
        require(stage.WarmUp >= 0, $"{at}.warm_up must not be negative");
        require(stage.WeightDecay >= 0, $"{at}.weight_decay must not be negative");
        require(stage.GradientClip > 0, $"{at}.gradient_clip must be positive");
        require(stage.AverageDecay is >= 0 and < 1, $"{at}.average_decay must be in [0, 1), is {stage.AverageDecay}");
        require(stage.ValidateEvery >= 0, $"{at}.validate_every must not be negative, is {stage.ValidateEvery}");
        require(stage.SaveEvery >= 0, $"{at}.save_every must not be negative, is {stage.SaveEvery}");
        foreach (var name in stage.Sources) require(sources.Contains(name), $"{at}.sources names '{name}', which train does not list");
    }
}
