using Sightline.Testing;

namespace Sightline.Tensors.Tests.Engines;

/// <summary>The seam is an engine's whole duty: what passes on the processor passes on every other engine.</summary>
public class OtherEngineTests
{
    /// <summary>Runs every test marked <c>[Trait("Engine", "each")]</c> in a child process whose tensors are made by another engine.</summary>
    [Theory]
    [MemberData(nameof(TestEngines.Others), MemberType = typeof(TestEngines))]
    public async Task The_operation_tests_pass_on(string engine)
    {
        if (Environment.GetEnvironmentVariable(TestEngines.Variable) is not null) return;
        await TestProcess.Passes(typeof(OtherEngineTests).Assembly, [(TestEngines.Variable, engine)], "-trait", "Engine=each", "-trait-", "Engine=cpu");
    }
}
