using System.CommandLine;
using System.Text.Json;
using Sightline.Cli.Output;
using Sightline.Text;

namespace Sightline.Cli.Commands;

/// <summary>
/// <c>sightline inspect tokens</c>: text to ids and back, line by line. Input lines are objects with <c>text</c> (and
/// optionally <c>pair</c>, <c>max_length</c>, <c>padding</c>, <c>add_special_tokens</c>), or with <c>ids</c>. An <c>id</c>
/// is copied to the output line; the order is the input's.
/// </summary>
internal sealed class InspectTokensCommand : ToolCommand
{
    private readonly Argument<string[]> _texts = new("TEXT") { Description = "Texts to tokenize, instead of --input", Arity = ArgumentArity.ZeroOrMore };
    private readonly Option<string?> _model = new("--model", "-m") { Description = ModelLocation.OptionText, HelpName = "FOLDER" };
    private readonly Option<string?> _input = new("--input", "-i") { Description = "JSON lines with text or ids", HelpName = "FILE" };
    private readonly Option<string?> _output = new("--output", "-o") { Description = "Where the JSON lines go; default: stdout", HelpName = "FILE" };

    public InspectTokensCommand()
        : base(
            "tokens",
            "Text to token ids and back",
            "sightline inspect tokens \"the white blood cell\"",
            "sightline inspect tokens --model models/nano --input cases.jsonl --output out.jsonl")
    {
        Add(_texts);
        Add(_model);
        Add(_input);
        Add(_output);
        Validators.Add(result =>
        {
            var hasTexts = result.GetResult(_texts) is { Tokens.Count: > 0 };
            if (hasTexts == result.GetResult(_input) is not null) result.AddError("give either TEXT or --input FILE");
        });
        SetAction(parsed => Run(new Settings(parsed.GetValue(_model), parsed.GetValue(_texts) ?? [], parsed.GetValue(_input), parsed.GetValue(_output))));
    }

    private sealed record Settings(string? Model, string[] Texts, string? Input, string? Output);

    private int Run(Settings settings)
    {
        var tokenizer = Tokenizer.Load(ModelLocation.Resolve(settings.Model));
        if (settings.Output is { } path)
        {
            OutputFile.WriteAndSay(Terminal, path, stream => WriteAll(settings, tokenizer, stream));
            return ExitCode.Success;
        }

        using var memory = new MemoryStream();
        WriteAll(settings, tokenizer, memory);
        Terminal.Out.Write(System.Text.Encoding.UTF8.GetString(memory.GetBuffer(), 0, (int)memory.Length));
        return ExitCode.Success;
    }

    private static void WriteAll(Settings settings, Tokenizer tokenizer, Stream stream)
    {
        using var json = new Utf8JsonWriter(stream, JsonOutput.OneLine);
        foreach (var text in settings.Texts)
        {
            json.WriteStartObject();
            WriteEncoding(json, tokenizer, text, null, new TokenizeOptions());
            EndLine(json, stream);
        }

        if (settings.Input is null) return;
        foreach (var (line, where) in JsonLines.Read(settings.Input))
        {
            json.WriteStartObject();
            WriteLine(json, tokenizer, line, where);
            EndLine(json, stream);
        }
    }

    private static void WriteLine(Utf8JsonWriter json, Tokenizer tokenizer, JsonElement line, string where)
    {
        if (line.TryGetProperty("id", out var id))
        {
            json.WritePropertyName("id");
            id.WriteTo(json);
        }

        if (line.TryGetProperty("text", out var text) && text.ValueKind == JsonValueKind.String)
        {
            var pair = line.TryGetProperty("pair", out var second) && second.ValueKind == JsonValueKind.String ? JsonLines.Text(second, where) : null;
            WriteEncoding(json, tokenizer, JsonLines.Text(text, where), pair, HowTo(line, where));
        }
        else if (line.TryGetProperty("ids", out var ids) && ids.ValueKind == JsonValueKind.Array)
        {
            int[] values = [.. ids.EnumerateArray().Select(each => each.ValueKind == JsonValueKind.Number && each.TryGetInt32(out var value) ? value : throw JsonLines.Bad(where, "ids must be integers"))];
            WriteNumbers(json, "ids", values);
            WriteTexts(json, tokenizer, values);
        }
        else
        {
            throw JsonLines.Bad(where, "needs \"text\" (a string) or \"ids\" (an array)");
        }
    }

    private static void WriteEncoding(Utf8JsonWriter json, Tokenizer tokenizer, string text, string? pair, TokenizeOptions options)
    {
        var tokens = tokenizer.Tokenize(text, pair, options);
        json.WriteString("text", text);
        if (pair is not null) json.WriteString("pair", pair);
        WriteNumbers(json, "ids", tokens.Ids);
        json.WriteStartArray("tokens");
        foreach (var id in tokens.Ids) json.WriteStringValue(tokenizer.FindToken(id));
        json.WriteEndArray();
        WriteNumbers(json, "attention_mask", tokens.AttentionMask);
        WriteNumbers(json, "token_type_ids", tokens.TypeIds);
        json.WriteStartArray("offsets");
        foreach (var (start, end) in tokens.Offsets)
        {
            json.WriteStartArray();
            json.WriteNumberValue(start);
            json.WriteNumberValue(end);
            json.WriteEndArray();
        }

        json.WriteEndArray();
        WriteTexts(json, tokenizer, tokens.Ids);
    }

    private static void WriteTexts(Utf8JsonWriter json, Tokenizer tokenizer, int[] ids)
    {
        json.WriteString("decoded", tokenizer.Decode(ids));
        json.WriteString("decoded_skip_special", tokenizer.Decode(ids, skipSpecialTokens: true));
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, int[] values)
    {
        json.WriteStartArray(name);
        foreach (var value in values) json.WriteNumberValue(value);
        json.WriteEndArray();
    }

    private static void EndLine(Utf8JsonWriter json, Stream stream)
    {
        json.WriteEndObject();
        json.Flush();
        json.Reset();
        stream.WriteByte((byte)'\n');
    }

    private static TokenizeOptions HowTo(JsonElement line, string where)
    {
        int? limit = null;
        if (line.TryGetProperty("max_length", out var length) && length.ValueKind == JsonValueKind.Number)
            limit = length.TryGetInt32(out var value) && value > 0 ? value : throw JsonLines.Bad(where, "max_length must be a positive integer");
        var pads = line.TryGetProperty("padding", out var padding)
            && (padding.ValueKind == JsonValueKind.True || (padding.ValueKind == JsonValueKind.String && padding.GetString() == "max_length"));
        if (pads && limit is null) throw JsonLines.Bad(where, "padding needs max_length");
        var special = !line.TryGetProperty("add_special_tokens", out var add) || add.ValueKind != JsonValueKind.False;
        return new TokenizeOptions { MaxLength = limit, PadToMaxLength = pads, AddSpecialTokens = special };
    }
}
