using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Testing;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>Policy losses against TRL, Visual-RFT and VLM-R1 (tolerances: <c>tests/fixtures/qwen/training/README.md</c>) and against central differences.</summary>
public class PolicyLossTests
{
    private const double LossTolerance = 2e-6;

    public static TheoryData<string, int> TrlRows
    {
        get
        {
            var data = new TheoryData<string, int>();
            foreach (var model in new[] { "tiny-qwen2-vl", "tiny-qwen2_5-vl" })
            {
                for (var row = 0; row < 39; row++) data.Add(model, row);
            }

            return data;
        }
    }

    [Theory]
    [MemberData(nameof(TrlRows))]
    public void Equals_TRL(string model, int row)
    {
        using var group = new GroupFixture(model);
        var expected = group.Json.GetProperty("trl")[row];
        var settings = expected.GetProperty("settings");
        var options = Options(settings);
        var completions = group.Completions(withOld: !settings.GetProperty("on_policy_old_logps").GetBoolean());
        var pieces = settings.GetProperty("gradient_accumulation_steps").GetInt32();
        var tokens = options.Kind == PolicyLossKind.Bnpo ? pieces * group.Lengths.Sum() : settings.GetProperty("num_items_in_batch").GetInt32();
        var result = PolicyLoss.Compute(completions, options, new PolicyLossTotals(pieces * group.Size, tokens));

        var loss = expected.GetProperty("loss").GetDouble();
        Assert.True(Math.Abs(result.Loss - loss) <= LossTolerance + (1e-6 * Math.Abs(loss)), $"loss {result.Loss}, TRL's {loss}");
        CheckGradient(group, new FixtureTensors("qwen", "training", model, "grpo", "trl_dloss_dlogps.safetensors").Doubles($"{row}.dloss_dlogps"), result.Gradient);
        CheckMetrics(expected.GetProperty("metrics"), result.Metrics);
    }

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Equals_the_losses_of_Visual_RFT_and_VLM_R1(string model)
    {
        using var group = new GroupFixture(model);
        foreach (var one in group.Json.GetProperty("visual_rft").EnumerateObject())
        {
            double[] rewards = [.. one.Value.GetProperty("reward_sum").EnumerateArray().Select(v => v.GetDouble())];
            var advantages = AdvantageGroups.Compute(rewards, rewards.Length);
            Assert.Equal(one.Name == "zero_std" ? 1 : 0, advantages.IdleGroups);
            Close(one.Value.GetProperty("advantages"), advantages.Values);
            var result = PolicyLoss.Compute(group.Completions(withOld: false, advantages.Values), new PolicyLossOptions { Beta = one.Value.GetProperty("beta").GetDouble() });
            Assert.Equal(one.Value.GetProperty("loss").GetDouble(), result.Loss, LossTolerance);
            if (one.Name == "beta0") continue;

            // their log averages over each completion first
            var kl = Enumerable.Range(0, group.Size).Average(i => group.Row("per_token_kl", i).Average());
            Assert.Equal(one.Value.GetProperty("metrics").GetProperty("kl").GetDouble(), kl, 1e-4);
        }

        foreach (var one in group.Json.GetProperty("vlm_r1").EnumerateObject())
        {
            var options = new PolicyLossOptions { EpsilonLow = one.Value.GetProperty("epsilon_low").GetDouble(), EpsilonHigh = one.Value.GetProperty("epsilon_high").GetDouble(), Beta = one.Value.GetProperty("beta").GetDouble() };
            var result = PolicyLoss.Compute(group.Completions(withOld: one.Name != "num_iterations_1"), options);
            Assert.Equal(one.Value.GetProperty("loss").GetDouble(), result.Loss, LossTolerance);

            // their clip_ratio counts the tokens outside of the range on the side where clipping does nothing
            Assert.Equal(one.Value.GetProperty("metrics").GetProperty("clip_ratio").GetDouble(), result.Metrics.OutsideRange - result.Metrics.Clipped, 1e-6);
        }
    }

    [Theory]
    [InlineData("tiny-qwen2-vl")]
    [InlineData("tiny-qwen2_5-vl")]
    public void Advantages_equal_TRL(string model)
    {
        using var group = new GroupFixture(model);
        var stored = group.Json.GetProperty("trl_advantages");
        double[] rewards = [.. stored.GetProperty("rewards").EnumerateArray().Select(v => v.GetDouble())];
        foreach (var (name, scaling) in new[] { ("group", AdvantageScaling.Group), ("batch", AdvantageScaling.Batch), ("none", AdvantageScaling.None) })
        {
            var groups = AdvantageGroups.Compute(rewards, 4, scaling);
            Close(stored.GetProperty(name), groups.Values);
            Assert.Equal(1, groups.IdleGroups);
            Assert.Equal([0], groups.Learning);
        }
    }

    [Fact]
    public void Groups_of_one_and_rewards_that_are_no_numbers_are_refused()
    {
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => AdvantageGroups.Compute([1.0, 2.0], 1)).Kind);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => AdvantageGroups.Compute([1.0, 2.0, 3.0], 2)).Kind);
        Assert.Equal(ErrorKind.Usage, Assert.Throws<SightlineException>(() => AdvantageGroups.Compute([1.0, double.NaN], 2)).Kind);
    }

    /// <summary>Weights that are held fixed (CISPO, VESPO) have no place in a difference quotient; they are in TRL's rows.</summary>
    [Fact]
    public void The_gradient_is_that_of_the_loss()
    {
        PolicyLossKind[] kinds = [PolicyLossKind.Grpo, PolicyLossKind.DrGrpo, PolicyLossKind.Bnpo, PolicyLossKind.Dapo, PolicyLossKind.Gspo, PolicyLossKind.Sapo, PolicyLossKind.Luspo];
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            var random = new Draws(seed);
            var options = new PolicyLossOptions
            {
                Kind = kinds[Math.Abs(seed % kinds.Length)],
                Beta = random.Below(2) == 0 ? 0 : 0.3,
                Delta = random.Below(2) == 0 ? null : 1.6,
                BiasCorrectedKl = random.Below(2) == 0,
                KlLimit = random.Below(2) == 0 ? 0.3 : 10,
            };
            int[] lengths = [1 + random.Below(5), 1 + random.Below(5)];
            var completions = lengths.Select(n => new ScoredCompletion(random.Numbers(n), random.Number()) { Old = random.Numbers(n), Reference = random.Numbers(n) }).ToArray();
            var gradient = PolicyLoss.Compute(completions, options).Gradient;
            var at = 0;
            for (var i = 0; i < completions.Length; i++)
            {
                for (var t = 0; t < lengths[i]; t++, at++)
                {
                    const float Step = 1 / 8192f;
                    var slope = (Shifted(Step) - Shifted(-Step)) / (2 * Step);
                    if (Math.Abs(slope - gradient[at]) > 2e-3 * (1 + Math.Abs(slope)) && !IsAtKink(i, t, options)) return false;

                    double Shifted(float by)
                    {
                        var moved = completions.ToArray();
                        var values = moved[i].Policy.ToArray();
                        values[t] += by;
                        moved[i] = moved[i] with { Policy = values };
                        return PolicyLoss.Compute(moved, options).Loss;
                    }
                }

                bool IsAtKink(int completion, int token, PolicyLossOptions settings)
                {
                    var own = completions[completion].Policy;
                    var old = completions[completion].Old!;
                    var drift = (double)own[token] - old[token];
                    if (settings.Kind is PolicyLossKind.Gspo or PolicyLossKind.Luspo)
                    {
                        drift = 0;
                        for (var s = 0; s < own.Length; s++) drift += ((double)own[s] - old[s]) / own.Length;
                    }

                    double[] kinks = [1 - settings.EpsilonLow, 1 + settings.EpsilonHigh, settings.Delta ?? 0];
                    return kinks.Any(kink => Math.Abs(Math.Exp(drift) - kink) < 1e-3);
                }
            }

            return true;
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData(PolicyLossKind.Grpo)]
    [InlineData(PolicyLossKind.DrGrpo)]
    [InlineData(PolicyLossKind.Bnpo)]
    [InlineData(PolicyLossKind.Dapo)]
    [InlineData(PolicyLossKind.Gspo)]
    public void Pieces_add_up_to_the_whole(PolicyLossKind kind)
    {
        using var group = new GroupFixture("tiny-qwen2-vl");
        var (completions, options) = (group.Completions(withOld: true), new PolicyLossOptions { Kind = kind });
        var whole = PolicyLoss.Compute(completions, options);
        var totals = PolicyLoss.TotalsOf(completions);
        var parts = completions.Select(completion => PolicyLoss.Compute([completion], options, totals)).ToList();
        Assert.Equal(whole.Loss, parts.Sum(part => part.Loss), 1e-12);
        Assert.Equal(whole.Gradient, parts.SelectMany(part => part.Gradient));
    }

    [Fact]
    public void A_completion_that_was_cut_off_can_be_masked()
    {
        using var group = new GroupFixture("tiny-qwen2-vl");
        var completions = group.Completions(withOld: true);
        completions[2] = completions[2] with { Counts = false };
        var cut = group.Lengths.Take(2).Sum()..group.Lengths.Take(3).Sum();
        var options = new PolicyLossOptions { Kind = PolicyLossKind.Dapo };
        var masked = PolicyLoss.Compute(completions, options);
        Assert.All(masked.Gradient[cut], slope => Assert.Equal(0, slope));
        Assert.Equal(PolicyLoss.Compute([.. completions.Where(completion => completion.Counts)], options).Loss, masked.Loss, 1e-12);
        var grpo = PolicyLoss.Compute(completions, options with { Kind = PolicyLossKind.Grpo });
        Assert.Equal(0.75 * PolicyLoss.Compute([.. completions.Where(completion => completion.Counts)], options with { Kind = PolicyLossKind.Grpo }).Loss, grpo.Loss, 1e-12);
    }

    [Fact]
    public void A_token_far_from_the_reference_has_a_bounded_pull()
    {
        var far = new ScoredCompletion(new float[] { -80 }, 0) { Reference = new float[] { -1 } };
        var result = PolicyLoss.Compute([far], new PolicyLossOptions { Beta = 1 });
        Assert.True(double.IsFinite(result.Loss));
        Assert.Equal(1 - Math.Exp(10), result.Gradient[0], 0.01);
    }

    private static PolicyLossOptions Options(JsonElement settings)
    {
        var kind = PolicyLossOptions.ParseKind(settings.GetProperty("loss_type").GetString()!);
        if (kind == PolicyLossKind.Grpo && settings.GetProperty("importance_sampling_level").GetString() == "sequence") kind = PolicyLossKind.Gspo;
        return new PolicyLossOptions
        {
            Kind = kind,
            EpsilonLow = settings.GetProperty("epsilon_low").GetDouble(),
            EpsilonHigh = settings.GetProperty("epsilon_high").GetDouble(),
            Beta = settings.GetProperty("beta").GetDouble(),
            Delta = settings.GetProperty("delta") is { ValueKind: JsonValueKind.Number } delta ? delta.GetDouble() : null,
            BiasCorrectedKl = settings.GetProperty("use_bias_correction_kl").GetBoolean(),
            LongestCompletion = settings.GetProperty("max_completion_length").GetInt32(),
            OffPolicyLimit = settings.GetProperty("off_policy_mask_threshold") is { ValueKind: JsonValueKind.Number } limit ? limit.GetDouble() : null,
        };
    }

    private static void CheckGradient(GroupFixture group, double[] stored, float[] actual)
    {
        var allowed = (1e-4 * stored.Max(Math.Abs)) + 1e-7;
        var at = 0;
        for (var i = 0; i < group.Size; i++)
        {
            for (var t = 0; t < group.Columns; t++)
            {
                var slope = t < group.Lengths[i] ? actual[at++] : 0;
                Assert.True(Math.Abs(stored[(i * group.Columns) + t] - slope) <= allowed, $"completion {i}, token {t}: {slope}, TRL's {stored[(i * group.Columns) + t]}");
            }
        }
    }

    private static void CheckMetrics(JsonElement stored, PolicyLossMetrics metrics)
    {
        foreach (var metric in stored.EnumerateObject())
        {
            double? own = metric.Name switch
            {
                "kl" => metrics.Kl,
                "clip_ratio/low_mean" => metrics.ClippedLow,
                "clip_ratio/high_mean" => metrics.ClippedHigh,
                "clip_ratio/region_mean" => metrics.Clipped,
                "clip_ratio/low_min" => metrics.LeastClippedLow,
                "clip_ratio/high_max" => metrics.MostClippedHigh,
                "cispo_clip_ratio" => metrics.ClippedHigh,
                "vespo/phi_seq_mean" => metrics.Weight,
                _ => null, // the entropy was not computed
            };
            if (own is { } value) Assert.True(Math.Abs(metric.Value.GetDouble() - value) <= 1e-5, $"{metric.Name}: {value}, TRL's {metric.Value.GetDouble()}");
        }
    }

    private static void Close(JsonElement stored, double[] actual)
    {
        Assert.Equal(stored.GetArrayLength(), actual.Length);
        for (var i = 0; i < actual.Length; i++) Assert.Equal(stored[i].GetDouble(), actual[i], 1e-5);
    }

    private sealed class Draws(int seed)
    {
        private readonly Sightline.Tensors.RandomStream _stream = new((ulong)seed);

        public int Below(int limit) => (int)(_stream.NextDouble() * limit);

        public float Number() => (float)((_stream.NextDouble() * 2) - 1);

        public float[] Numbers(int count) => [.. Enumerable.Range(0, count).Select(_ => Number())];
    }
}
