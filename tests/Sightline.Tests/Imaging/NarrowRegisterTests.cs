using Sightline.Testing;

namespace Sightline.Tests.Imaging;

/// <summary>Pictures come out the same to the last level whatever registers the processor has.</summary>
public class NarrowRegisterTests
{
    public static TheoryData<string, int> Widths => TestProcess.NarrowerWidths;

    [Theory]
    [MemberData(nameof(Widths))]
    public Task Resizing_and_colours_are_the_same_without(string knob, int bits) => TestProcess.PassesWithout(
        typeof(NarrowRegisterTests).Assembly, knob, bits,
        "-class", typeof(ResizeTests).FullName!, "-class", typeof(FloatResizeTests).FullName!, "-class", typeof(AugmentationTests).FullName!);
}
