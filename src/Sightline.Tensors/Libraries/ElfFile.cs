using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;

namespace Sightline.Tensors.Libraries;

/// <summary>
/// What a library of Linux says of itself in its first bytes (System V ABI, chapter 4 "Object Files" and 5 "Program Loading"). The system's loader maps segments
/// without asking whether the file has them, and the process dies of SIGBUS at the first missing page; of another processor's file it says "No such file".
/// </summary>
internal static class ElfFile
{
    private const int HeaderBytes = 64;
    private const int SegmentBytes = 56;

    private static readonly Dictionary<int, Architecture> s_machines = new()
    {
        [3] = Architecture.X86,
        [21] = Architecture.Ppc64le,
        [22] = Architecture.S390x,
        [40] = Architecture.Arm,
        [62] = Architecture.X64,
        [183] = Architecture.Arm64,
        [243] = Architecture.RiscV64,
        [258] = Architecture.LoongArch64,
    };

    /// <summary>Why a file cannot be loaded; null where nothing speaks against it, or where the loader says it itself: no file, no library.</summary>
    public static string? Problem(string path) => Problem(path, RuntimeInformation.ProcessArchitecture);

    internal static string? Problem(string path, Architecture process)
    {
        try
        {
            using var file = File.OpenHandle(path);
            return Problem(file, RandomAccess.GetLength(file), process);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            return null;
        }
    }

    private static string? Problem(Microsoft.Win32.SafeHandles.SafeFileHandle file, long length, Architecture process)
    {
        var header = (stackalloc byte[HeaderBytes]);
        if (Read(file, header, 0) < HeaderBytes || !header.StartsWith("\u007fELF"u8) || header[5] != 1) return null; // not ours to judge: short, no ELF, or of the other byte order
        int machine = BinaryPrimitives.ReadUInt16LittleEndian(header[18..]);
        if (s_machines.ContainsValue(process) && (!s_machines.TryGetValue(machine, out var its) || its != process))
        {
            var name = s_machines.TryGetValue(machine, out its) ? its.ToString() : string.Create(CultureInfo.InvariantCulture, $"type {machine}");
            return $"it is built for processors of another kind ({name}; this process is {process}): take the one for {process}";
        }

        if (header[4] != 2) return null; // 32 bits, which the loader says
        var table = BinaryPrimitives.ReadUInt64LittleEndian(header[32..]);
        int size = BinaryPrimitives.ReadUInt16LittleEndian(header[54..]);
        int count = BinaryPrimitives.ReadUInt16LittleEndian(header[56..]);
        if (size != SegmentBytes || count == 0 || table > long.MaxValue / 2) return null;
        var needed = table + (ulong)(count * SegmentBytes);
        var segment = (stackalloc byte[SegmentBytes]);
        for (var i = 0; i < count && Read(file, segment, (long)table + (i * SegmentBytes)) == SegmentBytes; i++)
        {
            if (BinaryPrimitives.ReadUInt32LittleEndian(segment) != 1) continue; // PT_LOAD alone is mapped
            var (offset, bytes) = (BinaryPrimitives.ReadUInt64LittleEndian(segment[8..]), BinaryPrimitives.ReadUInt64LittleEndian(segment[32..]));
            if (bytes > 0 && offset < long.MaxValue && bytes < long.MaxValue) needed = Math.Max(needed, offset + bytes);
        }

        if (needed <= (ulong)length) return null;

        // the names of sections, which nobody maps and strippers may cut off, usually end the file: for the sentence alone
        var sections = BinaryPrimitives.ReadUInt64LittleEndian(header[40..]);
        var end = sections > long.MaxValue ? 0 : sections + (ulong)(BinaryPrimitives.ReadUInt16LittleEndian(header[58..]) * BinaryPrimitives.ReadUInt16LittleEndian(header[60..]));
        return string.Create(CultureInfo.InvariantCulture, $"the file is incomplete: its header speaks of {Math.Max(needed, end)} bytes and the file has {length}: copy or download it again");
    }

    private static int Read(Microsoft.Win32.SafeHandles.SafeFileHandle file, Span<byte> target, long offset)
    {
        var read = 0;
        while (read < target.Length && RandomAccess.Read(file, target[read..], offset + read) is > 0 and var more) read += more;
        return read;
    }
}
