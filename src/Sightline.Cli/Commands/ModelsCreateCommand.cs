using System.CommandLine;
using System.Globalization;
using Sightline.Models.QwenVl;
using Sightline.Text;
using Sightline.Text.Prompts;
using Sightline.Training.Expressions;
using Sightline.Training.Scenes;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline models create</c>: the folder of a new small vision-language model with random weights.</summary>
internal sealed class ModelsCreateCommand : ToolCommand
{
    private readonly Argument<string> _folder = new("FOLDER") { Description = "Folder to write" };
    private readonly Option<string> _preset = new("--preset") { Description = $"Sizes: {string.Join(", ", QwenVlShape.Presets.Keys)}", HelpName = "NAME", DefaultValueFactory = _ => "small" };
    private readonly Option<string[]> _words = new("--words") { Description = "More words that are tokens of their own (others are spelled in bytes)", HelpName = "WORD", AllowMultipleArgumentsPerToken = true };
    private readonly Option<int> _numbers = WithRange(new Option<int>("--numbers") { Description = "Numbers 0 to 1000 in such steps are tokens of their own", HelpName = "STEP", DefaultValueFactory = _ => 10 }, 1, 1000);
    private readonly Option<ulong> _seed = new("--seed") { Description = "Seed of the weights", HelpName = "N", DefaultValueFactory = _ => 1 };

    public ModelsCreateCommand()
        : base("create", "Make a small Qwen2-VL model with random weights, to be trained", "sightline models create runs/small-start", "sightline models create /tmp/tiny --preset tiny --words blood cell --seed 3")
    {
        Add(_folder);
        _preset.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && !QwenVlShape.Presets.ContainsKey(token.Value)) result.AddError($"--preset must be {string.Join(" or ", QwenVlShape.Presets.Keys)}, not '{token.Value}'");
        });
        Add(_preset);
        Add(_words);
        Add(_numbers);
        Add(_seed);
        SetAction(parsed => Run(new Settings(parsed.GetRequiredValue(_folder), parsed.GetRequiredValue(_preset), parsed.GetValue(_words) ?? [], parsed.GetRequiredValue(_numbers), parsed.GetRequiredValue(_seed))));
    }

    private sealed record Settings(string Folder, string Preset, string[] Words, int Numbers, ulong Seed);

    private int Run(Settings settings)
    {
        if (File.Exists(Path.Combine(settings.Folder, "model.safetensors"))) throw new SightlineException(ErrorKind.Usage, $"there is a model in {settings.Folder}: name another folder, or delete it");
        var vocabulary = new WordVocabulary([.. PromptWords(), .. SceneWords(), .. settings.Words], settings.Numbers);
        var weights = QwenVlFolder.Create(settings.Folder, QwenVlShape.Presets[settings.Preset], vocabulary, settings.Seed);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{settings.Folder}: {weights / 1e6:0.0} M random weights, {vocabulary.Size} tokens"));
        return ExitCode.Success;
    }

    /// <summary>What conversations and the model's own question for a phrase are made of.</summary>
    private static IEnumerable<string> PromptWords() =>
        ["user", "assistant", "system", .. PromptLibrary.For(GroundingTask.Phrase, "qwen2_vl").User.Split([' ', '.', '{', '}', '\n'], StringSplitOptions.RemoveEmptyEntries)];

    /// <summary>The words of generated scenes.</summary>
    private static IEnumerable<string> SceneWords() =>
        ["the", "small", "little", "tiny", "large", "big", "with", "stripes", "dots", "spotted", "checks", "chequered", "solid", .. SceneOptions.AllColors, .. SceneOptions.AllTextures, .. SceneOptions.AllShapes.Append("shape").Append("object").SelectMany(shape => new[] { shape, ClassNames.Plural(shape) })];
}
