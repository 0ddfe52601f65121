using System.Runtime.InteropServices;

namespace Sightline.Tensors.Cpu.MachineCode;

/// <summary>Memory for machine code that lives as long as the process: written first, then executable and never again writable.</summary>
internal static unsafe partial class ExecutableMemory
{
    private const int Read = 1; // PROT_READ, PROT_WRITE, PROT_EXEC, MAP_PRIVATE and MAP_ANONYMOUS of Linux
    private const int Write = 2;
    private const int Execute = 4;
    private const int PrivateAnonymous = 0x22;

    /// <summary>Where the code lies now, or 0 where the system does not allow that.</summary>
    public static nint Place(ReadOnlySpan<byte> code)
    {
        try
        {
            var memory = Map(0, (nuint)code.Length, Read | Write, PrivateAnonymous, -1, 0);
            if (memory == -1) return 0;
            code.CopyTo(new Span<byte>((void*)memory, code.Length));
            if (Protect(memory, (nuint)code.Length, Read | Execute) == 0) return memory;
            _ = Unmap(memory, (nuint)code.Length);
            return 0;
        }
        catch (Exception error) when (error is DllNotFoundException or EntryPointNotFoundException)
        {
            return 0; // a libc of another name
        }
    }

    [LibraryImport("libc.so.6", EntryPoint = "mmap")]
    private static partial nint Map(nint address, nuint length, int protection, int flags, int file, nint offset);

    [LibraryImport("libc.so.6", EntryPoint = "mprotect")]
    private static partial int Protect(nint address, nuint length, int protection);

    [LibraryImport("libc.so.6", EntryPoint = "munmap")]
    private static partial int Unmap(nint address, nuint length);
}
