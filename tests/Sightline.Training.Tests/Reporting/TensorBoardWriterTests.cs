using System.Buffers.Binary;
using System.Text;
using Sightline.Training.Reporting;

namespace Sightline.Training.Tests.Reporting;

/// <summary>Event files read by code that shares nothing with the writer: framing and messages by hand, CRC bit by bit.</summary>
public sealed class TensorBoardWriterTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-events-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Scalars_are_read_back_with_step_time_and_value()
    {
        using (var writer = new TensorBoardWriter(_folder, new FixedClock()))
        {
            writer.Scalars(1, [new("train/loss", 2.5f), new("train/ünïcode", -0f)]);
            writer.Scalars(1L << 40, [new("train/loss", float.NaN)]);
        }

        var file = Assert.Single(Directory.GetFiles(_folder));
        Assert.Equal("events.out.tfevents.1700000000.sightline", Path.GetFileName(file));
        var events = Read(file);
        Assert.Equal(3, events.Count);
        Assert.Equal("brain.Event:2", events[0].Version);
        Assert.All(events, each => Assert.Equal(1_700_000_000.25, each.Time));
        Assert.Equal(1, events[1].Step);
        Assert.Equal([("train/loss", 2.5f), ("train/ünïcode", -0f)], events[1].Values);
        Assert.Equal(1L << 40, events[2].Step);
        Assert.True(float.IsNaN(events[2].Values[0].Item2));
    }

    [Fact]
    public void A_run_that_goes_on_starts_another_file_that_says_so()
    {
        using (new TensorBoardWriter(_folder, new FixedClock())) { }
        using (new TensorBoardWriter(_folder, new FixedClock(), firstStep: 7)) { }
        var files = Directory.GetFiles(_folder).Order(StringComparer.Ordinal).ToArray();
        Assert.Equal(2, files.Length);
        Assert.DoesNotContain(Read(files[0]), each => each.IsStart);
        var start = Assert.Single(Read(files[1]), each => each.IsStart);
        Assert.Equal(7, start.Step);
    }

    [Fact]
    public void Steps_that_were_undone_are_taken_back()
    {
        using (var writer = new TensorBoardWriter(_folder, new FixedClock()))
        {
            for (var step = 1; step <= 3; step++) writer.Scalars(step, [new("train/loss", step)]);
            writer.GoBackTo(2);
            writer.Scalars(2, [new("train/loss", 20)]);
        }

        // the rule of TensorBoard: a start forgets what came before of its step and later ones
        var shown = new SortedDictionary<long, float>();
        foreach (var each in Read(Assert.Single(Directory.GetFiles(_folder))))
        {
            if (each.IsStart) shown.Keys.Where(step => step >= each.Step).ToList().ForEach(step => shown.Remove(step));
            foreach (var (_, value) in each.Values) shown[each.Step] = value;
        }

        Assert.Equal([(1L, 1f), (2L, 20f)], shown.Select(entry => (entry.Key, entry.Value)));
    }

    [Theory]
    [InlineData("", 0x00000000u)]
    [InlineData("123456789", 0xE3069283u)] // the check value of CRC-32C (RFC 3720)
    public void The_checksum_is_castagnolis(string text, uint crc)
    {
        Assert.Equal(crc, Crc(Encoding.ASCII.GetBytes(text)));
        Assert.Equal(Masked(crc), TensorBoardWriter.MaskedCrc(Encoding.ASCII.GetBytes(text)));
    }

    private sealed record Event(double Time, long Step, string? Version, bool IsStart, List<(string, float)> Values);

    private static List<Event> Read(string file)
    {
        var events = new List<Event>();
        var rest = File.ReadAllBytes(file).AsSpan();
        while (rest.Length > 0)
        {
            var length = (int)BinaryPrimitives.ReadUInt64LittleEndian(rest);
            Assert.Equal(Masked(Crc(rest[..8])), BinaryPrimitives.ReadUInt32LittleEndian(rest[8..]));
            var data = rest.Slice(12, length);
            Assert.Equal(Masked(Crc(data)), BinaryPrimitives.ReadUInt32LittleEndian(rest[(12 + length)..]));
            events.Add(ReadEvent(data));
            rest = rest[(16 + length)..];
        }

        return events;
    }

    private static Event ReadEvent(ReadOnlySpan<byte> data)
    {
        var result = new Event(0, 0, null, false, []);
        while (data.Length > 0)
        {
            var key = Varint(ref data);
            switch (key)
            {
                case (1 << 3) | 1: result = result with { Time = BitConverter.ToDouble(data) }; data = data[8..]; break;
                case (2 << 3) | 0: result = result with { Step = (long)Varint(ref data) }; break;
                case (3 << 3) | 2: result = result with { Version = Encoding.UTF8.GetString(Bytes(ref data)) }; break;
                case (5 << 3) | 2: ReadSummary(Bytes(ref data), result.Values); break;
                case (7 << 3) | 2: result = result with { IsStart = Bytes(ref data).SequenceEqual(new byte[] { 8, 1 }) }; break;
                default: Assert.Fail($"unexpected key {key}"); break;
            }
        }

        return result;
    }

    private static void ReadSummary(ReadOnlySpan<byte> data, List<(string, float)> values)
    {
        while (data.Length > 0)
        {
            Assert.Equal((1UL << 3) | 2, Varint(ref data));
            var value = Bytes(ref data);
            Assert.Equal((1UL << 3) | 2, Varint(ref value));
            var tag = Encoding.UTF8.GetString(Bytes(ref value));
            Assert.Equal((2UL << 3) | 5, Varint(ref value));
            Assert.Equal(4, value.Length);
            values.Add((tag, BitConverter.ToSingle(value)));
        }
    }

    private static ReadOnlySpan<byte> Bytes(ref ReadOnlySpan<byte> data)
    {
        var length = (int)Varint(ref data);
        var bytes = data[..length];
        data = data[length..];
        return bytes;
    }

    private static ulong Varint(ref ReadOnlySpan<byte> data)
    {
        ulong value = 0;
        for (var shift = 0; ; shift += 7)
        {
            var next = data[0];
            data = data[1..];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80) return value;
        }
    }

    private static uint Masked(uint crc) => ((crc >> 15) | (crc << 17)) + 0xA282EAD8;

    private static uint Crc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82F63B78 : crc >> 1;
        }

        return ~crc;
    }

    private sealed class FixedClock : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_250);
    }
}
