using System.CommandLine;
using Sightline.Text.Prompts;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline classify</c>: a name for what a picture shows.</summary>
internal sealed class ClassifyCommand() : AskCommand(
    GroundingTask.Classification,
    "classify",
    "Name what a picture shows, one of several names",
    new Argument<string[]>("NAME") { Description = "Names to choose from; a template without a list needs none", Arity = ArgumentArity.ZeroOrMore },
    "sightline classify flower.jpg daisy tulip rose --model Qwen/Qwen2-VL-2B-Instruct --constrained",
    "sightline classify flower.jpg --prompt visual-rft/classification --value subject=\"a plant\" --value property=\"species of the plant\" --model runs/visual-rft/model");
