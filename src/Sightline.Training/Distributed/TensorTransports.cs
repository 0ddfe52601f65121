using System.Globalization;
using System.Text;
using Sightline.Tensors;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Training.Distributed;

/// <summary>Which transport ranks use: NCCL where every rank computes on a GPU of its own and has it, the memory of the host otherwise.</summary>
internal static class TensorTransports
{
    private const char Refusal = '!';

    /// <summary>The transport for tensors of an engine; collective, and the same kind at every rank.</summary>
    /// <param name="ranks">The ranks.</param>
    /// <param name="device">Where this rank's tensors lie: <see cref="Engine.Cuda"/>.</param>
    /// <param name="find">Finds NCCL, given libtorch's folder; null: <see cref="NcclSearch"/>.</param>
    /// <exception cref="SightlineException">Usage: two ranks compute on one GPU. MissingLibrary: they have different versions of NCCL, or it is not where a user says.</exception>
    public static ITensorTransport For(Communicator ranks, ICudaMemory? device, Func<string, NcclLibrary?>? find = null)
    {
        NcclLibrary? nccl = null;
        var own = "";
        try
        {
            nccl = device is null ? null : (find ?? Find)(device.LibraryFolder);
        }
        catch (SightlineException error)
        {
            own = Refusal + error.Message; // all ranks are told, and none waits for this one
        }

        if (device is not null && nccl is not null) own = string.Create(CultureInfo.InvariantCulture, $"{nccl.Version}\n{Environment.MachineName}\n{Environment.GetEnvironmentVariable("CUDA_VISIBLE_DEVICES")}\n{device.DeviceIndex}");
        string[] all = [.. ranks.Gather(Encoding.UTF8.GetBytes(own)).Select(Encoding.UTF8.GetString)];
        if (Array.FindIndex(all, one => one.StartsWith(Refusal)) is >= 0 and var refused) throw new SightlineException(ErrorKind.MissingLibrary, $"process {refused}: {all[refused][1..]}");
        if (all.Contains("")) return new HostTransport(ranks);
        RequireOneVersion(all);
        RequireOwnDevices(all);
        return new NcclTransport(ranks, nccl!, device!);
    }

    /// <summary>NCCL where it is there; one that the user named has to be.</summary>
    private static NcclLibrary? Find(string torchFolder)
    {
        var (library, looked, problem) = NcclSearch.Open(NcclSearch.Places(torchFolder));
        return library is null && looked is [{ Source: NcclSearch.Variable }] ? throw new SightlineException(ErrorKind.MissingLibrary, problem!) : library;
    }

    private static void RequireOneVersion(string[] all)
    {
        string[] versions = [.. all.Select(one => one.Split('\n')[0])];
        if (Array.FindIndex(versions, version => version != versions[0]) is > 0 and var other)
            throw new SightlineException(ErrorKind.MissingLibrary, $"process 0 found NCCL {versions[0]} and process {other} NCCL {versions[other]}: install one version, or set {NcclSearch.Variable}={NcclSearch.None} to exchange through the host's memory");
    }

    /// <summary>NCCL wants a GPU for each rank; asked with two on one it fails with less to go by.</summary>
    private static void RequireOwnDevices(string[] all)
    {
        for (var rank = 1; rank < all.Length; rank++)
        {
            if (Array.IndexOf(all, all[rank]) is var first && first < rank)
                throw new SightlineException(ErrorKind.Usage, $"processes {first} and {rank} both compute on cuda:{all[rank].Split('\n')[3]} of {all[rank].Split('\n')[1]}: give each process a GPU of its own (docs/distributed.md)");
        }
    }
}
