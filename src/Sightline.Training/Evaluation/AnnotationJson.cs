using System.Buffers;
using System.Text.Json;
using Sightline.Geometry;

namespace Sightline.Training.Evaluation;

/// <summary>
/// Walks a JSON annotation file entry by entry without building a tree, and says in every error which file, which list and
/// which entry (counted from 0) it is about.
/// </summary>
internal ref struct AnnotationJson
{
    private readonly string _file;
    private readonly List<double> _numbers = new(8);
    private Utf8JsonReader _reader;
    private string _list = "";
    private int _entry = -1;

    public AnnotationJson(ReadOnlySpan<byte> utf8, string file)
    {
        _file = file;
        if (utf8.IsEmpty) throw Bad("the file is empty");
        ReadOnlySpan<byte> mark = [0xEF, 0xBB, 0xBF];
        _reader = new Utf8JsonReader(utf8.StartsWith(mark) ? utf8[3..] : utf8, new JsonReaderOptions { AllowTrailingCommas = false });
    }

    public readonly JsonTokenType Token => _reader.TokenType;

    public static byte[] ReadFile(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new SightlineException(ErrorKind.NotFound, $"{path} cannot be read: {e.Message}", e);
        }
    }

    public readonly SightlineException Bad(string what)
    {
        var place = _list.Length == 0 ? "" : _entry < 0 ? $": {_list}" : $": {_list}[{_entry}]";
        return new SightlineException(ErrorKind.BadData, $"{_file}{place}: {what}");
    }

    private readonly SightlineException Broken(JsonException e) => Bad($"not valid JSON at line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}");

    public void Next()
    {
        try
        {
            if (!_reader.Read()) throw Bad("the file ends too early");
        }
        catch (JsonException e)
        {
            throw Broken(e);
        }
    }

    public void End()
    {
        try
        {
            if (_reader.Read()) throw Bad("there is more after the end of the data");
        }
        catch (JsonException e)
        {
            throw Broken(e);
        }
    }

    public void Skip()
    {
        try
        {
            _reader.Skip();
        }
        catch (JsonException e)
        {
            throw Broken(e);
        }
    }

    /// <summary>Stands on a value; enters an array.</summary>
    public void BeginList(string name)
    {
        (_list, _entry) = (name, -1);
        if (Token != JsonTokenType.StartArray) throw Bad($"a list is expected, found {Describe()}");
    }

    /// <summary>Enters the next object of the list, or leaves the list and gives false.</summary>
    public bool NextEntry()
    {
        Next();
        if (Token == JsonTokenType.EndArray)
        {
            (_list, _entry) = ("", -1);
            return false;
        }

        _entry++;
        return Token == JsonTokenType.StartObject ? true : throw Bad($"an object is expected, found {Describe()}");
    }

    /// <summary>Moves to the value of the next member of an object and gives true, or leaves the object and gives false.</summary>
    public bool NextMember(out ReadOnlySpan<byte> name)
    {
        Next();
        if (Token == JsonTokenType.EndObject)
        {
            name = default;
            return false;
        }

        // names of interest are plain ASCII, so an escaped name is none of them
        name = _reader.ValueIsEscaped ? "?"u8 : _reader.ValueSpan;
        Next();
        return true;
    }

    public readonly long Integer(string member)
    {
        if (Token == JsonTokenType.Number)
        {
            if (_reader.TryGetInt64(out var value)) return value;
            if (_reader.TryGetDouble(out var real) && Math.Floor(real) == real && Math.Abs(real) < 1L << 53) return (long)real;
        }

        throw Bad($"'{member}' must be a whole number, found {Describe()}");
    }

    public readonly int SmallInteger(string member)
    {
        var value = Integer(member);
        return value is >= int.MinValue and <= int.MaxValue ? (int)value : throw Bad($"'{member}' is {value}, which is out of range");
    }

    public readonly double Number(string member) =>
        Token == JsonTokenType.Number && _reader.TryGetDouble(out var value) && double.IsFinite(value) ? value : throw Bad($"'{member}' must be a number, found {Describe()}");

    public readonly bool Flag(string member) => Token switch
    {
        JsonTokenType.True => true,
        JsonTokenType.False or JsonTokenType.Null => false,
        _ => Integer(member) != 0,
    };

    public readonly string Text(string member) => Token switch
    {
        JsonTokenType.String => Decoded(),
        JsonTokenType.Null => "",
        _ => throw Bad($"'{member}' must be text, found {Describe()}"),
    };

    public int[] Integers(string member)
    {
        if (Token == JsonTokenType.Null) return [];
        if (Token != JsonTokenType.StartArray) throw Bad($"'{member}' must be a list of whole numbers, found {Describe()}");
        var values = new List<int>();
        for (Next(); Token != JsonTokenType.EndArray; Next()) values.Add(SmallInteger(member));
        return [.. values];
    }

    /// <summary>Reads x, y, width, height.</summary>
    public void Box(scoped Span<double> xywh)
    {
        var numbers = Numbers("bbox");
        if (numbers.Count != 4) throw Bad($"'bbox' must be [x, y, width, height], found {numbers.Count} numbers");
        for (var i = 0; i < 4; i++) xywh[i] = numbers[i];
    }

    /// <summary>Reads a segmentation: polygons, or runs (compressed or not).</summary>
    public Segmentation Segmentation()
    {
        if (Token == JsonTokenType.StartObject) return Runs();
        if (Token != JsonTokenType.StartArray) throw Bad($"'segmentation' must be a list of polygons or run lengths, found {Describe()}");
        var polygons = new List<double[]>();
        for (Next(); Token != JsonTokenType.EndArray; Next()) polygons.Add([.. Numbers("segmentation")]);
        return new Segmentation(null, polygons);
    }

    private Segmentation Runs()
    {
        var (height, width) = (-1, -1);
        byte[]? text = null;
        uint[]? counts = null;
        while (NextMember(out var name))
        {
            if (name.SequenceEqual("size"u8))
            {
                var size = Integers("segmentation.size");
                if (size.Length != 2) throw Bad("'segmentation.size' must be [height, width]");
                (height, width) = (size[0], size[1]);
            }
            else if (name.SequenceEqual("counts"u8))
            {
                if (Token == JsonTokenType.String) text = RawText();
                else counts = [.. Numbers("segmentation.counts").Select(Run)];
            }
            else
            {
                Skip();
            }
        }

        if (height < 0 || (text is null && counts is null)) throw Bad("'segmentation' needs 'size' and 'counts'");
        try
        {
            return new Segmentation(text is not null ? RunLengthMask.FromCompressed(height, width, text) : RunLengthMask.FromCounts(height, width, counts), null);
        }
        catch (SightlineException e)
        {
            throw Bad(e.Message);
        }
    }

    private static uint Run(double count) => count is >= 0 and <= uint.MaxValue ? (uint)count : uint.MaxValue; // too long a run cannot add up, and is refused there

    private readonly byte[] RawText()
    {
        var buffer = ArrayPool<byte>.Shared.Rent(_reader.ValueSpan.Length);
        try
        {
            return buffer[.._reader.CopyString(buffer)];
        }
        catch (InvalidOperationException)
        {
            throw Bad("a text is not valid UTF-8");
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private readonly string Decoded()
    {
        try
        {
            return _reader.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw Bad("a text is not valid UTF-8");
        }
    }

    private List<double> Numbers(string member)
    {
        if (Token != JsonTokenType.StartArray) throw Bad($"'{member}' must be a list of numbers, found {Describe()}");
        _numbers.Clear();
        for (Next(); Token != JsonTokenType.EndArray; Next()) _numbers.Add(Number(member));
        return _numbers;
    }

    public readonly string Describe() => Token switch
    {
        JsonTokenType.StartArray => "a list",
        JsonTokenType.StartObject => "an object",
        JsonTokenType.String => $"the text \"{Shorten(Decoded())}\"",
        JsonTokenType.Number => System.Text.Encoding.UTF8.GetString(_reader.ValueSpan),
        JsonTokenType.True => "true",
        JsonTokenType.False => "false",
        JsonTokenType.Null => "null",
        _ => "nothing",
    };

    private static string Shorten(string text) => text.Length <= 40 ? text : text[..40] + "...";
}

/// <summary>A segmentation as it stands in a file: runs, or polygons that still need the size of the picture.</summary>
internal readonly record struct Segmentation(RunLengthMask? Runs, List<double[]>? Polygons);
