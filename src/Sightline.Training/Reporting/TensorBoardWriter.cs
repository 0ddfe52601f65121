using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using Google.Protobuf;

namespace Sightline.Training.Reporting;

/// <summary>
/// Writes scalars as a TensorBoard event file. Framing: TFRecord (length, masked CRC-32C of the length, data, masked CRC-32C of the data);
/// data: the message <c>Event</c> of tensorflow/core/util/event.proto, fields wall_time 1, step 2, file_version 3, summary 5, session_log 7.
/// </summary>
public sealed class TensorBoardWriter : IDisposable
{
    private static readonly byte[] SessionStart = [1 << 3, 1]; // SessionLog.status (field 1) = START

    private readonly RecordStream _stream;
    private readonly TimeProvider _clock;

    /// <summary>Starts <c>events.out.tfevents.SECONDS.sightline</c> in a folder; TensorBoard joins several files of a folder by step.</summary>
    /// <param name="folder">Where TensorBoard looks (<c>--logdir</c>); made where it is missing.</param>
    /// <param name="clock">Gives the wall time of events.</param>
    /// <param name="firstStep">For a run that goes on: its first step. TensorBoard then forgets what an older file says of this step and later ones.</param>
    /// <exception cref="SightlineException">CannotWrite, here and while writing: a full disk, no rights.</exception>
    public TensorBoardWriter(string folder, TimeProvider? clock = null, long? firstStep = null)
    {
        _clock = clock ?? TimeProvider.System;
        var seconds = _clock.GetUtcNow().ToUnixTimeSeconds();
        var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{seconds}.sightline"));
        for (var number = 1; File.Exists(path); number++)
            path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"events.out.tfevents.{seconds}.sightline.{number}"));
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new SightlineException(ErrorKind.CannotWrite, $"{folder} cannot be made: {error.Message}", error);
        }

        _stream = new RecordStream(path, FileMode.CreateNew);
        Write(Event(0, output =>
        {
            output.WriteTag(3, WireFormat.WireType.LengthDelimited);
            output.WriteString("brain.Event:2");
        }));
        if (firstStep is { } step) GoBackTo(step);
        _stream.Flush();
    }

    /// <summary>Begins anew at a step: TensorBoard forgets what was said of it and of later ones.</summary>
    public void GoBackTo(long step) => Write(Event(step, output =>
    {
        output.WriteTag(7, WireFormat.WireType.LengthDelimited);
        output.WriteBytes(ByteString.CopyFrom(SessionStart));
    }));

    /// <summary>Adds the values of one step.</summary>
    public void Scalars(long step, IEnumerable<KeyValuePair<string, float>> values)
    {
        var summary = Message(output =>
        {
            foreach (var (tag, value) in values)
            {
                var entry = Message(inner =>
                {
                    inner.WriteTag(1, WireFormat.WireType.LengthDelimited);
                    inner.WriteString(tag);
                    inner.WriteTag(2, WireFormat.WireType.Fixed32);
                    inner.WriteFloat(value);
                });
                output.WriteTag(1, WireFormat.WireType.LengthDelimited);
                output.WriteBytes(ByteString.CopyFrom(entry));
            }
        });
        Write(Event(step, output =>
        {
            output.WriteTag(5, WireFormat.WireType.LengthDelimited);
            output.WriteBytes(ByteString.CopyFrom(summary));
        }));
    }

    /// <summary>Makes what was written visible to readers.</summary>
    public void Flush() => _stream.Flush();

    /// <summary>Closes the file.</summary>
    public void Dispose() => _stream.Dispose();

    private byte[] Event(long step, Action<CodedOutputStream> what) => Message(output =>
    {
        output.WriteTag(1, WireFormat.WireType.Fixed64);
        output.WriteDouble(_clock.GetUtcNow().ToUnixTimeMilliseconds() / 1000.0);
        output.WriteTag(2, WireFormat.WireType.Varint);
        output.WriteInt64(step);
        what(output);
    });

    private static byte[] Message(Action<CodedOutputStream> write)
    {
        using var buffer = new MemoryStream();
        using (var output = new CodedOutputStream(buffer, leaveOpen: true)) write(output);
        return buffer.ToArray();
    }

    private void Write(ReadOnlySpan<byte> data)
    {
        Span<byte> header = stackalloc byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)data.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(header[8..], MaskedCrc(header[..8]));
        _stream.Write(header);
        _stream.Write(data);
        Span<byte> footer = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(footer, MaskedCrc(data));
        _stream.Write(footer);
    }

    /// <summary>CRC-32C, rotated and offset as TFRecord stores it.</summary>
    internal static uint MaskedCrc(ReadOnlySpan<byte> data)
    {
        var crc = uint.MaxValue;
        foreach (var value in data) crc = BitOperations.Crc32C(crc, value);
        crc = ~crc;
        return ((crc >> 15) | (crc << 17)) + 0xA282EAD8;
    }
}
