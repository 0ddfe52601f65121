using System.CommandLine;
using Sightline.Text.Prompts;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline ground</c>: boxes for phrases in one picture.</summary>
internal sealed class GroundCommand : AskCommand
{
    private readonly Option<bool> _caption = new("--caption") { Description = "PHRASE is a caption: find each object that it names (vision-language models)" };

    public GroundCommand()
        : base(
            GroundingTask.Phrase,
            "ground",
            "Find what phrases mean in a picture: boxes, scores, an annotated picture",
            new Argument<string[]>("PHRASE") { Description = "What to look for; several phrases are answered in one pass", Arity = ArgumentArity.OneOrMore },
            "sightline ground samples/blood-smear.jpg \"the white blood cell\"",
            "sightline ground photo.jpg \"the bus on the left\" \"a dog\" --output found.png --crops regions",
            "sightline ground photo.jpg \"a dog\" --threshold 0.5 --export coco --export-to dogs.json --json",
            "sightline ground photo.jpg \"a dog beside a red car\" --caption --model Qwen/Qwen2.5-VL-3B-Instruct --int8") => Add(_caption);

    protected override GroundingTask TaskOf(ParseResult parsed) => parsed.GetValue(_caption) ? GroundingTask.Caption : GroundingTask.Phrase;
}
