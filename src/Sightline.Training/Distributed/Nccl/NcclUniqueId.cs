using System.Runtime.InteropServices;

namespace Sightline.Training.Distributed.Nccl;

/// <summary>What the members of a communicator are told to find each other (<c>ncclUniqueId</c>); passed by value.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NcclUniqueId
{
    public const int Length = 128;

    private fixed byte _bytes[Length];

    public static NcclUniqueId From(ReadOnlySpan<byte> bytes) => MemoryMarshal.Read<NcclUniqueId>(bytes);

    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        MemoryMarshal.Write(bytes, this);
        return bytes;
    }
}
