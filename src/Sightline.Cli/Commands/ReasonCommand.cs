using System.CommandLine;
using Sightline.Text.Prompts;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline reason</c>: a question whose answer is a region; a vision-language model thinks first.</summary>
internal sealed class ReasonCommand() : AskCommand(
    GroundingTask.Reasoning,
    "reason",
    "Answer a question with a region of a picture; a vision-language model thinks first",
    new Argument<string[]>("QUESTION") { Description = "What to think about; quote it", Arity = ArgumentArity.OneOrMore },
    "sightline reason kitchen.jpg \"Where could I keep milk cold?\" --model Qwen/Qwen2-VL-2B-Instruct",
    "sightline reason kitchen.jpg \"Where could I keep milk cold?\" --model runs/visual-rft/model --prompt visual-rft/reasoning --constrained --json");
