using System.CommandLine;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Cli.Output;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline merge</c>: a model folder with an adapter's changes in its weights.</summary>
internal sealed class MergeCommand : ToolCommand
{
    private readonly Option<string> _model = new("--model", "-m") { Description = "The model that the adapter was trained on: its folder, or the name of a pulled one", HelpName = "FOLDER", Required = true };
    private readonly Option<string> _adapter = new("--adapter", "-a") { Description = "The adapter, in PEFT's layout: adapter_config.json and adapter_model.safetensors", HelpName = "FOLDER", Required = true };
    private readonly Option<string> _output = new("--output", "-o") { Description = "A new folder for the merged model", HelpName = "FOLDER", Required = true };

    public MergeCommand()
        : base("merge", "Add a trained adapter to the weights of its model", "sightline merge --model models/Qwen2-VL-2B-Instruct --adapter runs/few-shot-detection/model --output models/few-shot")
    {
        Add(_model);
        Add(_adapter);
        Add(_output);
        SetAction(parsed => Run(new Settings(parsed.GetRequiredValue(_model), parsed.GetRequiredValue(_adapter), parsed.GetRequiredValue(_output))));
    }

    private sealed record Settings(string Model, string Adapter, string Output);

    private int Run(Settings settings)
    {
        var changed = AdapterMerge.Run(ModelLocation.Resolve(settings.Model), settings.Adapter, settings.Output);
        Terminal.Hint(string.Create(CultureInfo.InvariantCulture, $"{settings.Output}: {changed} matrices changed"));
        return ExitCode.Success;
    }
}
