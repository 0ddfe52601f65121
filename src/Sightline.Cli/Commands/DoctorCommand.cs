using System.CommandLine;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Sightline.Cli.Output;
using Sightline.Imaging;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Training.Distributed;
using Sightline.Training.Distributed.Nccl;

namespace Sightline.Cli.Commands;

/// <summary><c>sightline doctor</c>: what this machine offers and whether the tool can work here.</summary>
internal sealed class DoctorCommand : ToolCommand
{
    private const string Engine = "engine";

    private readonly Option<string?> _json = JsonOption("the findings");

    public DoctorCommand()
        : base("doctor", "Look at this machine: picture library, SIMD, threads, memory, model folder, engines", "sightline doctor", "sightline doctor --json")
    {
        Add(_json);
        SetAction(parsed => Run(new Settings(JsonTarget(parsed, _json))));
    }

    private sealed record Settings(string? Json);

    /// <summary>One line of the findings, with more below it; a problem says what to do.</summary>
    private sealed record Finding(string What, string Value, ErrorKind? Problem = null, IReadOnlyList<string>? Details = null);

    private int Run(Settings settings)
    {
        var findings = Look().ToList();
        if (settings.Json is { } target) WriteJson(target, findings);
        else Terminal.Table(["", "found"], findings.SelectMany(Rows));
        var problems = findings.Where(finding => finding.Problem is not null).OrderBy(Gravity).ToList();
        return problems.Count == 0
            ? ExitCode.Success
            : throw new SightlineException(problems[0].Problem!.Value, problems.Count == 1 ? problems[0].Value : string.Join("; ", problems.Select(finding => $"{finding.What}: {finding.Value}")));
    }

    /// <summary>The engine first, for no command runs without it, then libraries; a model can be named.</summary>
    private static int Gravity(Finding finding) => finding.What == Engine ? 0 : finding.Problem == ErrorKind.MissingLibrary ? 1 : 2;

    private static IEnumerable<string[]> Rows(Finding finding) =>
        [[finding.What, (finding.Problem is null ? "" : "MISSING: ") + finding.Value], .. (finding.Details ?? []).Select(detail => new[] { "", "  " + detail })];

    private static IEnumerable<Finding> Look()
    {
        yield return new("sightline", $"{BuildInformation.Version} ({BuildInformation.Commit[..Math.Min(10, BuildInformation.Commit.Length)]})");
        yield return new("runtime", $"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.RuntimeIdentifier}, {RuntimeInformation.OSDescription}");
        yield return new("processor", Machine.ProcessorName);
        yield return new("SIMD", Simd());
        yield return new("threads", string.Create(CultureInfo.InvariantCulture, $"{ThreadTeam.Shared.Threads} of {Environment.ProcessorCount} (SIGHTLINE_THREADS changes it)"));
        yield return new("memory", string.Create(CultureInfo.InvariantCulture, $"{Machine.MemoryBytes / (double)(1L << 30):0.0} GiB"));
        var (version, problem) = PictureDecoder.Find();
        yield return problem is null ? new("pictures", version!) : new("pictures", problem, ErrorKind.MissingLibrary);
        yield return Model();
        var engines = EngineFindings.Look();
        yield return new(Engine, engines.Engine, engines.Problem?.Kind);
        yield return new("libtorch", engines.LibTorch, null, engines.Places);
        yield return new("GPU", engines.Gpu);
        yield return SeveralProcesses();
        yield return BetweenGpus(engines.LibTorchFolder);
    }

    /// <summary>Open MPI is nobody's need who works in one process: its absence is no problem, unless the user says where it is.</summary>
    private static Finding SeveralProcesses()
    {
        var mpi = MpiLibrary.Find();
        if (mpi is { IsNamed: true, Problem: { } problem }) return new("several processes", problem, ErrorKind.MissingLibrary);
        return new("several processes", mpi.Version ?? "none: one process only (docs/distributed.md)", Details: [mpi.Version is null ? $"looked for {mpi.Tried}" : $"found as {mpi.Tried}"]);
    }

    /// <summary>Nor is that of NCCL.</summary>
    private static Finding BetweenGpus(string? torchFolder)
    {
        var nccl = NcclSearch.Find(torchFolder);
        if (nccl is { IsNamed: true, Problem: { } wrong }) return new("NCCL", wrong, ErrorKind.MissingLibrary, nccl.Looked);
        return new(
            "NCCL",
            nccl.Problem is { } problem ? $"none: {problem}; processes on GPUs exchange gradients through the host's memory" : $"{nccl.Version}, {nccl.Path}: processes on GPUs exchange gradients from GPU to GPU",
            Details: nccl.Looked);
    }

    private static Finding Model()
    {
        try
        {
            return new("model", Path.GetFullPath(ModelLocation.Resolve(null)));
        }
        catch (SightlineException error)
        {
            return new("model", error.Message, error.Kind);
        }
    }

    private static string Simd()
    {
        var widths = new List<string>();
        if (Vector512.IsHardwareAccelerated) widths.Add("512");
        if (Vector256.IsHardwareAccelerated) widths.Add("256");
        if (Vector128.IsHardwareAccelerated) widths.Add("128");
        var extras = new List<string>();
        if (Fma.IsSupported) extras.Add("FMA");
        if (Avx512F.IsSupported) extras.Add("AVX-512F");
        if (Avx512BW.IsSupported) extras.Add("AVX-512BW");
        if (AvxVnni.IsSupported) extras.Add("AVX-VNNI");
        var width = widths.Count == 0 ? "none (scalar code)" : string.Join(", ", widths) + " bit";
        return extras.Count == 0 ? width : $"{width}; {string.Join(", ", extras)}";
    }

    private void WriteJson(string target, List<Finding> findings) => JsonOutput.Write(Terminal, target, json =>
    {
        json.WriteStartObject();
        foreach (var finding in findings)
        {
            json.WriteStartObject(finding.What);
            json.WriteString("value", finding.Value);
            json.WriteBoolean("ok", finding.Problem is null);
            if (finding.Details is not null)
            {
                json.WriteStartArray("details");
                foreach (var detail in finding.Details) json.WriteStringValue(detail);
                json.WriteEndArray();
            }

            json.WriteEndObject();
        }

        json.WriteEndObject();
    });
}
