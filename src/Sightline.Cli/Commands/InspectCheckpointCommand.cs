using System.CommandLine;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Cli.Output;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline inspect checkpoint</c>: names, shapes and types of the tensors in a model folder or safetensors file.</summary>
internal sealed class InspectCheckpointCommand : ToolCommand
{
    private readonly Argument<string?> _path = new("PATH") { Description = "Model folder or safetensors file; default: the default model", Arity = ArgumentArity.ZeroOrOne };
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<string?> _json = JsonOption("the tensors");

    public InspectCheckpointCommand()
        : base(
            "checkpoint",
            "Names, shapes and types of a checkpoint's tensors",
            "sightline inspect checkpoint --model models/nano",
            "sightline inspect checkpoint model.safetensors --json tensors.json")
    {
        Add(_path);
        Add(_model);
        RequireJsonFile(_json);
        Add(_json);
        SetAction(parsed => Run(new Settings(parsed.GetValue(_path), parsed.GetValue(_model), JsonTarget(parsed, _json))));
    }

    private sealed record Settings(string? Path, string? Model, string? Json);

    private int Run(Settings settings)
    {
        using var checkpoint = Checkpoint.Open(settings.Path ?? ModelLocation.Resolve(settings.Model));
        var tensors = checkpoint.Names.Select(name => (Name: name, Info: checkpoint[name])).ToList();
        if (settings.Json is { } target)
        {
            WriteJson(target, checkpoint, tensors);
            return ExitCode.Success;
        }

        Terminal.Table(
            ["tensor", "type", "shape", ">bytes"],
            tensors.Select(tensor => new[]
            {
                tensor.Name, tensor.Info.Type.FileName(), $"[{string.Join(", ", tensor.Info.Sizes)}]", tensor.Info.Bytes.ToString(CultureInfo.InvariantCulture),
            }));
        foreach (var (key, value) in checkpoint.Metadata) Terminal.Line($"{key}: {value}");
        var elements = tensors.Sum(tensor => tensor.Info.Count);
        Terminal.Line(string.Create(CultureInfo.InvariantCulture, $"{tensors.Count} tensors, {elements:N0} numbers, {checkpoint.Bytes / 1e6:0.0} MB"));
        return ExitCode.Success;
    }

    private void WriteJson(string target, Checkpoint checkpoint, List<(string Name, TensorInfo Info)> tensors) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        json.WriteStartObject("metadata");
        foreach (var (key, value) in checkpoint.Metadata) json.WriteString(key, value);
        json.WriteEndObject();
        json.WriteStartArray("tensors");
        foreach (var (name, info) in tensors)
        {
            json.WriteStartObject();
            json.WriteString("name", name);
            json.WriteString("dtype", info.Type.FileName());
            json.WriteStartArray("shape");
            foreach (var size in info.Sizes) json.WriteNumberValue(size);
            json.WriteEndArray();
            json.WriteString("file", Path.GetFileName(info.File));
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
    });
}
