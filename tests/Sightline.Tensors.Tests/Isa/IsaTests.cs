using System.Runtime.Intrinsics;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Isa;

/// <summary>Runs every test marked <c>[Trait("Isa", "each")]</c> again with one SIMD width switched off, because vector bugs live in remainders and fallbacks.</summary>
public class IsaTests
{
    public static TheoryData<string, int> Widths => TestProcess.NarrowerWidths;

    [Theory]
    [MemberData(nameof(Widths))]
    public Task Marked_tests_pass_without(string knob, int bits) => TestProcess.PassesWithout(typeof(IsaTests).Assembly, knob, bits, "-trait", "Isa=each");

    /// <summary>In a child process: the switch did what its name says.</summary>
    [Fact]
    [Trait("Isa", "each")]
    public void The_widest_vector_is_the_expected_one()
    {
        if (TestProcess.WidestExpected is not { } expected) return;
        var widest = Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : Vector128.IsHardwareAccelerated ? 128 : 0;
        Assert.True(widest <= expected, $"expected at most {expected} bits, got {widest}");
    }
}
