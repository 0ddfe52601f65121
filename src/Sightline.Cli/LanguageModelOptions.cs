using System.CommandLine;
using System.Globalization;
using Sightline.Generation;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Nn;

namespace Sightline.Cli;

/// <summary>The options that say how a vision-language model is asked and how its weights are kept, the same for every command that asks one.</summary>
internal sealed class LanguageModelOptions
{
    private readonly Option<string?> _prompt = new("--prompt") { Description = "Prompt template of a vision-language model: a name such as visual-rft/detection, or a file that ends in .prompt", HelpName = "NAME" };
    private readonly Option<string[]> _values = PlaceValues.Option();
    private readonly Option<bool> _constrained = new("--constrained") { Description = "Hold the answer to the form that the template asks for, so that it can always be read" };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Most tokens of an answer", HelpName = "N", DefaultValueFactory = _ => new LanguageOptions().MaxTokens };
    private readonly Option<long?> _maxPixels = new("--max-pixels") { Description = "Most pixels that the model is shown: fewer are faster, more show small things; default: the model's own limit", HelpName = "N" };
    private readonly Option<double> _temperature = new("--temperature") { Description = "0 takes the most likely token, more draws among them", HelpName = "T", DefaultValueFactory = _ => 0 };
    private readonly Option<ulong> _seed = new("--seed") { Description = "Start of the random stream that --temperature draws from", HelpName = "N", DefaultValueFactory = _ => 0 };
    private readonly Option<string[]> _context = new("--context") { Description = "Picture to show a vision-language model before the one that is asked about; may be repeated", HelpName = "PICTURE", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = false };
    private readonly Option<bool> _number = new("--number-pictures") { Description = "Number the pictures in the prompt, so that the question can say \"Picture 1\"" };
    private readonly Option<bool> _int8 = new("--int8") { Description = "Keep the weights of linear layers in 8 bits" };
    private readonly Option<bool> _int4 = new("--int4") { Description = "Keep the weights of linear layers in 4 bits" };
    private readonly Option<bool> _bf16 = new("--bf16") { Description = "Keep the weights in bfloat16" };

    private readonly bool _hasSeed, _hasContext;

    /// <summary>Adds the options.</summary>
    /// <param name="command">To which command.</param>
    /// <param name="hasSeed">False where the command has a seed of its own, for all that is random in it.</param>
    /// <param name="hasContext">False where the command asks about many pictures, each by itself.</param>
    public LanguageModelOptions(Command command, bool hasSeed = true, bool hasContext = true)
    {
        (_hasSeed, _hasContext) = (hasSeed, hasContext);
        _maxPixels.Validators.Add(result =>
        {
            if (result.Tokens is [var token] && long.TryParse(token.Value, CultureInfo.InvariantCulture, out var value) && value < 1) result.AddError($"--max-pixels must be 1 or more, not {value}");
        });
        command.Add(_prompt);
        command.Add(_values);
        command.Add(_constrained);
        command.Add(ToolCommand.WithRange(_maxTokens, 1, 1_000_000));
        command.Add(_maxPixels);
        command.Add(ToolCommand.WithRange(_temperature, 0, 100));
        if (hasSeed) command.Add(_seed);
        if (hasContext)
        {
            command.Add(_context);
            command.Add(_number);
        }

        command.Add(_int8);
        command.Add(_int4);
        command.Add(_bf16);
        command.Validators.Add(result =>
        {
            Option[] formats = [_int8, _int4, _bf16];
            if (formats.Count(format => result.GetResult(format) is { Implicit: false }) > 1) result.AddError("--int8, --int4 and --bf16 exclude each other");
        });
    }

    /// <summary>How the model is asked.</summary>
    public LanguageOptions Of(ParseResult parsed) => new()
    {
        Prompt = parsed.GetValue(_prompt),
        Values = PlaceValues.Of(parsed.GetValue(_values)),
        IsConstrained = parsed.GetValue(_constrained),
        MaxTokens = parsed.GetValue(_maxTokens),
        MaxPixels = parsed.GetValue(_maxPixels),
        Context = _hasContext ? [.. (parsed.GetValue(_context) ?? []).Select(path => Picture.Load(path))] : [],
        NumberPictures = _hasContext && parsed.GetValue(_number),
        Sampling = new SamplingOptions { Temperature = (float)parsed.GetValue(_temperature), Seed = _hasSeed ? parsed.GetValue(_seed) : 0 },
    };

    /// <summary>How its weights are kept.</summary>
    public WeightPlan Weights(ParseResult parsed) =>
        parsed.GetValue(_int8) ? new WeightPlan(WeightFormat.Int8)
        : parsed.GetValue(_int4) ? new WeightPlan(WeightFormat.Int4)
        : parsed.GetValue(_bf16) ? new WeightPlan(WeightFormat.BFloat16)
        : WeightPlan.AsStored;
}
