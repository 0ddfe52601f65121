using System.Text;
using System.Text.Json;

namespace Sightline.Checkpoints;

/// <summary>
/// The header of a safetensors file, read with the suspicion that a file from the internet deserves. Layout: 8 bytes
/// little-endian header length, the header as a JSON object, then the data; <c>data_offsets</c> count from the start of
/// the data and must cover it without holes or overlaps. Source: the format section of huggingface/safetensors' README
/// and <c>Metadata::validate</c> in its <c>tensor.rs</c>.
/// </summary>
internal static class SafetensorsHeader
{
    /// <summary>The reference implementation's limit.</summary>
    private const int MaxHeaderBytes = 100_000_000;

    private const int PrefixBytes = 8;

    /// <summary>The bytes of the JSON header, checked against the file's length.</summary>
    public static int CheckLength(string path, ulong headerBytes, long fileBytes)
    {
        if (headerBytes > MaxHeaderBytes)
            throw Bad(path, $"says that its header has {headerBytes:N0} bytes (at most {MaxHeaderBytes:N0} are accepted)");
        if ((long)headerBytes > fileBytes - PrefixBytes)
            throw Bad(path, $"says that its header has {headerBytes:N0} bytes but ends after {fileBytes:N0}");
        return (int)headerBytes;
    }

    /// <summary>Reads all tensor entries (in file order) and the metadata.</summary>
    public static (Dictionary<string, TensorInfo> Tensors, Dictionary<string, string> Metadata) Parse(
        string path, ReadOnlySpan<byte> json, long fileBytes)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = 16 });
            return ReadAll(path, ref reader, PrefixBytes + json.Length, fileBytes);
        }
        catch (JsonException error)
        {
            throw Bad(path, $"has a header that is not valid JSON ({FirstSentence(error.Message)})", error);
        }
        catch (Exception error) when (error is InvalidOperationException or DecoderFallbackException)
        {
            throw Bad(path, "has a header with text that is not valid Unicode or a value of the wrong kind", error);
        }
    }

    private static (Dictionary<string, TensorInfo> Tensors, Dictionary<string, string> Metadata) ReadAll(
        string path, ref Utf8JsonReader reader, long dataStart, long fileBytes)
    {
        var tensors = new Dictionary<string, TensorInfo>(StringComparer.Ordinal);
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var sawMetadata = false;
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad(path, "has a header that is not a JSON object");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var name = reader.GetString()!;
            reader.Read();
            if (name == "__metadata__")
            {
                if (sawMetadata) throw Bad(path, "has the key __metadata__ twice");
                sawMetadata = true;
                ReadMetadata(path, ref reader, metadata);
            }
            else if (!tensors.TryAdd(name, ReadTensor(path, name, ref reader, dataStart, fileBytes)))
            {
                throw Bad(path, $"has the tensor {Quote(name)} twice");
            }
        }

        // reading on makes the reader complain about text after the object
        if (reader.Read()) throw Bad(path, "has text after its header's JSON object");
        CheckCoverage(path, tensors, dataStart, fileBytes);
        return (tensors, metadata);
    }

    private static void ReadMetadata(string path, ref Utf8JsonReader reader, Dictionary<string, string> metadata)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw Bad(path, "has a __metadata__ that is not an object");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String) throw Bad(path, $"has the metadata {Quote(key)}, which is not a text");
            if (!metadata.TryAdd(key, reader.GetString()!)) throw Bad(path, $"has the metadata {Quote(key)} twice");
        }
    }

    private static TensorInfo ReadTensor(string path, string name, ref Utf8JsonReader reader, long dataStart, long fileBytes)
    {
        if (reader.TokenType != JsonTokenType.StartObject) throw BadTensor(path, name, "is not an object");
        string? type = null;
        List<long>? sizes = null, offsets = null;
        while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
        {
            var key = reader.GetString()!;
            reader.Read();
            switch (key)
            {
                case "dtype" when type is null && reader.TokenType == JsonTokenType.String: type = reader.GetString(); break;
                case "shape" when sizes is null: sizes = ReadNumbers(path, name, key, ref reader); break;
                case "data_offsets" when offsets is null: offsets = ReadNumbers(path, name, key, ref reader); break;
                case "dtype" or "shape" or "data_offsets": throw BadTensor(path, name, $"has \"{key}\" twice or of the wrong kind");
                default: reader.Skip(); break;
            }
        }

        if (type is null || sizes is null || offsets is not { Count: 2 }) throw BadTensor(path, name, "needs dtype, shape and two data_offsets");
        if (!SafetensorsTypes.TryParse(type, out var known)) throw BadTensor(path, name, $"has the element type {Quote(type)}, which is not known");
        var (begin, end) = (offsets[0], offsets[1]);
        if (begin > end || end > fileBytes - dataStart)
            throw BadTensor(path, name, $"has the data offsets {begin} to {end}, outside of the {fileBytes - dataStart:N0} data bytes (a broken download?)");
        if (ByteCount(sizes, known.Size()) is not { } bytes || bytes != end - begin)
            throw BadTensor(path, name, $"has {end - begin} data bytes, which do not fit {known.FileName()} [{string.Join(", ", sizes)}]");
        return new TensorInfo(name, known, sizes, dataStart + begin, bytes, path);
    }

    private static List<long> ReadNumbers(string path, string name, string key, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartArray) throw BadTensor(path, name, $"has a \"{key}\" that is not a list");
        var numbers = new List<long>(4);
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var number) || number < 0)
                throw BadTensor(path, name, $"has a \"{key}\" with something other than whole numbers from 0 up");
            if (numbers.Count == 64) throw BadTensor(path, name, $"has a \"{key}\" with more than 64 numbers");
            numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>Null when the product does not fit 64 bits.</summary>
    private static long? ByteCount(List<long> sizes, int elementBytes)
    {
        // an axis of 0 makes the product 0 whatever the others are
        if (sizes.Contains(0)) return 0;
        Int128 bytes = elementBytes;
        foreach (var size in sizes)
        {
            bytes *= size;
            if (bytes > long.MaxValue) return null;
        }

        return (long)bytes;
    }

    private static void CheckCoverage(string path, Dictionary<string, TensorInfo> tensors, long dataStart, long fileBytes)
    {
        var position = dataStart;
        foreach (var tensor in tensors.Values.OrderBy(tensor => tensor.Offset).ThenBy(tensor => tensor.Bytes))
        {
            if (tensor.Offset != position)
                throw BadTensor(path, tensor.Name, tensor.Offset < position ? "overlaps another tensor's data" : "follows a hole in the data");
            position += tensor.Bytes;
        }

        if (position != fileBytes) throw Bad(path, $"has {fileBytes - position:N0} bytes after its last tensor");
    }

    public static SightlineException Bad(string path, string what, Exception? inner = null) =>
        new(ErrorKind.BadModel, $"{path} {what}: it is no usable safetensors file, fetch or export it again.", inner);

    private static SightlineException BadTensor(string path, string name, string what) =>
        new(ErrorKind.BadModel, $"{path}: the tensor {Quote(name)} {what}; the file is damaged, fetch or export it again.");

    /// <summary>A hostile name must not flood or garble the terminal.</summary>
    internal static string Quote(string name)
    {
        var text = new StringBuilder("\"");
        foreach (var letter in name.Length > 120 ? name.AsSpan(0, 120) : name.AsSpan()) text.Append(char.IsControl(letter) ? '?' : letter);
        return text.Append(name.Length > 120 ? "...\"" : "\"").ToString();
    }

    private static string FirstSentence(string message)
    {
        var stop = message.IndexOf(". ", StringComparison.Ordinal);
        return stop < 0 ? message.TrimEnd('.') : message[..stop];
    }
}
