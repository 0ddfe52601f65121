using System.Runtime.CompilerServices;
using Sightline.Tensors.Cpu;
using Sightline.Tensors.LibTorch;
using Sightline.Tensors.Tests.Reference;

namespace Sightline.Tensors.Tests.Engines;

/// <summary>
/// The engines that the operation tests can run on: the one place that lists them. The environment variable
/// <c>SIGHTLINE_TEST_ENGINE</c> chooses the engine of a run, the processor where it is not set:
/// <c>SIGHTLINE_TEST_ENGINE=reference dotnet test tests/Sightline.Tensors.Tests --filter "Engine=each&amp;Engine!=cpu"</c>.
/// </summary>
internal static class TestEngines
{
    public const string Variable = "SIGHTLINE_TEST_ENGINE";

    private static readonly Dictionary<string, Func<Engine>> s_engines = new(StringComparer.Ordinal)
    {
        ["cpu"] = () => CpuEngine.Instance,
        ["reference"] = () => ReferenceEngine.Instance,
        ["libtorch"] = () => LibTorchEngine.Open(TorchDevice.Parse(Environment.GetEnvironmentVariable("SIGHTLINE_DEVICE") ?? "cpu")),
    };

    /// <summary>The engine of this run, which makes all tensors that name no other.</summary>
    public static Engine Selected { get; } = Find(Environment.GetEnvironmentVariable(Variable) ?? "cpu");

    /// <summary>For <c>[MemberData]</c>: all but the processor and what needs a foreign library (<c>eng/test-libtorch.sh</c>).</summary>
    public static TheoryData<string> Others => new(s_engines.Keys.Where(name => name is not ("cpu" or "libtorch")));

    [ModuleInitializer]
    internal static void Select() => Engine.Default = Selected;

    private static Engine Find(string name) => s_engines.TryGetValue(name, out var make)
        ? make()
        : throw new InvalidOperationException($"{Variable}: no engine is called {name}; there are {string.Join(", ", s_engines.Keys)}");
}
