using System.Text.Json;

namespace Sightline.Training.Data;

/// <summary>
/// Reads a JSON file token by token from a stream, and single values whole, so that an annotation file of any size needs
/// only the memory of its largest entry. Every failure is a BadData that names the file and the line.
/// </summary>
internal sealed class JsonFileReader : IDisposable
{
    private readonly Stream _stream;
    private byte[] _buffer = new byte[1 << 16];
    private int _start, _end;
    private bool _final;
    private JsonReaderState _state = new(new JsonReaderOptions { MaxDepth = 64 });

    public JsonFileReader(string path)
    {
        Path = path;
        _stream = DataFile.OpenRead(path);
        Fill();
        if (_buffer.AsSpan(0, _end).StartsWith("\uFEFF"u8)) _start = 3;
    }

    /// <summary>The file, for messages.</summary>
    public string Path { get; }

    /// <summary>Reads the member names of the object that comes next, and calls for each; the callback must read the value.</summary>
    public void ReadObject(Action<string> member)
    {
        Expect(JsonTokenType.StartObject, "an object");
        while (NextToken(out var name) == JsonTokenType.PropertyName) member(name!);
    }

    /// <summary>Reads the elements of the array that comes next, one at a time, with their index.</summary>
    public void ReadArray(Action<JsonElement, int> element)
    {
        Expect(JsonTokenType.StartArray, "a list");
        for (var index = 0; ; index++)
        {
            using var document = TryReadValue();
            if (document is null) return;
            element(document.RootElement, index);
        }
    }

    /// <summary>The first element of the array that comes next, or null where it is empty; nothing can be read after it.</summary>
    public JsonElement? ReadFirst()
    {
        Expect(JsonTokenType.StartArray, "a list");
        using var document = TryReadValue();
        return document?.RootElement.Clone();
    }

    /// <summary>Reads the value that comes next and keeps it.</summary>
    public JsonElement ReadValue()
    {
        using var document = TryReadValue() ?? throw DataFile.Bad(Path, "the file ends where a value should stand");
        return document.RootElement.Clone();
    }

    /// <summary>Steps over the value that comes next.</summary>
    public void SkipValue() => TryReadValue()?.Dispose();

    /// <summary>The kind of the first token, without reading it.</summary>
    public JsonTokenType Peek() => Run((ref Utf8JsonReader reader) => reader.Read() ? reader.TokenType : null, commit: false);

    public void Dispose() => _stream.Dispose();

    private void Expect(JsonTokenType type, string what)
    {
        var found = NextToken(out _);
        if (found != type) throw DataFile.Bad(Path, $"{what} is expected, found {(found == JsonTokenType.None ? "the end of the file" : found.ToString())}");
    }

    private JsonTokenType NextToken(out string? text)
    {
        string? name = null;
        var token = Run((ref Utf8JsonReader reader) =>
        {
            if (!reader.Read()) return null;
            name = reader.TokenType == JsonTokenType.PropertyName ? reader.GetString() : null;
            return reader.TokenType;
        });
        text = name;
        return token;
    }

    /// <summary>The next value as a document of its own, or null at the end of an array or object.</summary>
    private JsonDocument? TryReadValue()
    {
        JsonDocument? document = null;
        Run((ref Utf8JsonReader reader) =>
        {
            if (!reader.Read()) return null;
            if (reader.TokenType is JsonTokenType.EndArray or JsonTokenType.EndObject) return reader.TokenType;
            var type = reader.TokenType;
            var begin = (int)reader.TokenStartIndex;
            if (!reader.TrySkip()) return null;
            // the document gets bytes of its own: the buffer moves on
            document = JsonText.Parse(_buffer.AsSpan(_start + begin, (int)reader.BytesConsumed - begin).ToArray(), Path);
            return type;
        });
        return document;
    }

    private delegate JsonTokenType? Step(ref Utf8JsonReader reader);

    // a step returns null when the bytes at hand end before it is done; it is then repeated with more of them
    private JsonTokenType Run(Step step, bool commit = true)
    {
        try
        {
            while (true)
            {
                var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _end - _start), _final, _state);
                var done = step(ref reader);
                if (done is null && !_final)
                {
                    Fill();
                    continue;
                }

                if (commit)
                {
                    _start += (int)reader.BytesConsumed;
                    _state = reader.CurrentState;
                }

                return done ?? JsonTokenType.None;
            }
        }
        catch (JsonException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{Path}, line {e.LineNumber + 1}: not valid JSON ({FirstSentence(e.Message)})", e);
        }
        catch (InvalidOperationException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{Path}: a string is not valid UTF-8", e);
        }
    }

    private static string FirstSentence(string message) => message.IndexOf(". ", StringComparison.Ordinal) is > 0 and var end ? message[..end] : message;

    private void Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            (_start, _end) = (0, _end - _start);
        }

        if (_end == _buffer.Length)
        {
            if (_buffer.Length >= 1 << 30) throw DataFile.Bad(Path, "one entry is larger than 1 GiB");
            Array.Resize(ref _buffer, 2 * _buffer.Length);
        }

        try
        {
            var read = _stream.Read(_buffer, _end, _buffer.Length - _end);
            _end += read;
            _final = read == 0;
        }
        catch (IOException e)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{Path} cannot be read: {e.Message}", e);
        }
    }
}
