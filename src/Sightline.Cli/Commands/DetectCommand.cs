using System.CommandLine;
using Sightline.Text.Prompts;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline detect</c>: all objects of some categories, in one question.</summary>
internal sealed class DetectCommand() : AskCommand(
    GroundingTask.Detection,
    "detect",
    "Find all objects of some categories in a picture",
    new Argument<string[]>("CATEGORY") { Description = "Categories to look for, all in one question where the model can", Arity = ArgumentArity.OneOrMore },
    "sightline detect street.jpg car bus \"traffic light\" --export coco",
    "sightline detect street.jpg car bus --model Qwen/Qwen2-VL-2B-Instruct --constrained --json",
    "sightline detect street.jpg car --model runs/visual-rft/model --prompt visual-rft/detection");
