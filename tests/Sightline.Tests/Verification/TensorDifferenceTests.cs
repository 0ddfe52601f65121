using Sightline.Verification;

namespace Sightline.Tests.Verification;

public class TensorDifferenceTests
{
    [Fact]
    public void Differences_are_held_against_both_limits()
    {
        var tolerance = new Tolerance(0.1, 0.01);
        var inside = TensorDifference.Of("case", "t", [1, 100], [1.05, 101], tolerance);
        Assert.True(inside.Passed);
        Assert.Equal((0, 1, 1.05), ((int)inside.Worst.Index, inside.Worst.Reference, inside.Worst.Ours));
        Assert.False(TensorDifference.Of("case", "t", [1, 100], [1.2, 100], tolerance).Passed);
        Assert.False(TensorDifference.Of("case", "t", [1, 100], [1, 101.2], tolerance).Passed);
        Assert.False(TensorDifference.Of("case", "t", [1, 1], [1.09, 1.09], tolerance with { Mean = 0.05 }).Passed);
    }

    [Fact]
    public void What_is_not_a_number_and_other_sizes_are_off()
    {
        Assert.False(TensorDifference.Of("case", "t", [1, 2], [1, double.NaN], new Tolerance(1e9)).Passed);
        Assert.False(TensorDifference.Of("case", "t", [1, 2], [1], new Tolerance(1e9)).Passed);
        Assert.True(TensorDifference.Of("case", "t", [double.NegativeInfinity], [double.NegativeInfinity], Tolerance.Exact).Passed);
    }

    [Theory]
    [InlineData("text.layer.7", "1e-04 + 1e-04 |x|")]
    [InlineData("text.layer.27", "3.5e-04 + 3.5e-04 |x|")]
    [InlineData("vision.image_embeds", "1e-04 + 1e-04 |x|")]
    [InlineData("logits_last16", "2e-04")]
    [InlineData("logits_bf16", "5e-01, mean 5e-02")]
    public void Tolerances_follow_the_kind_and_the_depth(string tensor, string expected) => Assert.Equal(expected, Tolerance.For(tensor).ToString());

    [Fact]
    public void The_report_has_the_worst_of_each_tensor_in_the_order_of_the_model()
    {
        TensorDifference Of(string name, string tensor, double ours) => TensorDifference.Of(name, tensor, [0], [ours], new Tolerance(0.5));
        var report = new VerificationReport([Of("a", "logits", 0.1), Of("b", "text.layer.10", 0.1), Of("b", "text.layer.2", 0.3), Of("b", "logits", 0.7), Of("c", "logits", 0.2), Of("c", "vision.block.0", 0)]);
        Assert.Equal(["vision.block.0", "text.layer.2", "text.layer.10", "logits"], report.Worst().Select(worst => worst.Tensor));
        Assert.Equal(("b", false), (report.Worst()[^1].Case, report.Passed));
        Assert.Equal("b", report.FirstOff!.Case);
        Assert.False(new VerificationReport([]).Passed);
    }
}
