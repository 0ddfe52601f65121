using System.CommandLine;
using Sightline.Text.Prompts;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline point</c>: places in a picture.</summary>
internal sealed class PointCommand() : AskCommand(
    GroundingTask.Pointing,
    "point",
    "Point at what phrases mean in a picture; a model that finds boxes gives their centres",
    new Argument<string[]>("PHRASE") { Description = "What to point at", Arity = ArgumentArity.OneOrMore },
    "sightline point screen.png \"the save button\" --json",
    "sightline point screen.png \"the save button\" --model Qwen/Qwen2.5-VL-3B-Instruct --constrained");
