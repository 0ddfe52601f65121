using System.Text.Json.Serialization;

namespace Sightline.Training.Reinforcement;

/// <summary>What advantages are divided by.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<AdvantageScaling>))]
public enum AdvantageScaling
{
    /// <summary>The deviation of the group's rewards (Shao et al. 2024).</summary>
    Group,

    /// <summary>The deviation of all rewards of the batch, so that easy and hard prompts keep their proportion.</summary>
    Batch,

    /// <summary>Nothing (Liu et al. 2025, Dr. GRPO).</summary>
    None,
}

/// <summary>One prompt's rewards.</summary>
/// <param name="Mean">Their mean.</param>
/// <param name="Deviation">Their standard deviation, divided by n - 1.</param>
/// <param name="IsIdle">All rewards are the same: no completion is better than another, and the policy learns nothing from them.</param>
public readonly record struct RewardSpread(double Mean, double Deviation, bool IsIdle);

/// <summary>Advantages of the completions of several prompts: how much better each was rewarded than its group, A = (r - mean) / (deviation + 1e-4).</summary>
/// <param name="Values">One for each completion, group after group; exactly 0 in idle groups.</param>
/// <param name="Groups">The groups.</param>
public sealed record AdvantageGroups(double[] Values, IReadOnlyList<RewardSpread> Groups)
{
    private const double Epsilon = 1e-4;

    /// <summary>Groups without spread: drop them or sample them anew.</summary>
    public int IdleGroups => Groups.Count(group => group.IsIdle);

    /// <summary>The numbers of the groups that teach something.</summary>
    public IEnumerable<int> Learning => Enumerable.Range(0, Groups.Count).Where(group => !Groups[group].IsIdle);

    /// <summary>From rewards, group after group.</summary>
    /// <param name="rewards">[groups · groupSize], finite.</param>
    /// <param name="groupSize">Completions of a prompt, at least 2.</param>
    /// <param name="scaling">What to divide by.</param>
    /// <exception cref="SightlineException">Usage: groups of fewer than two, a count that is no multiple of the group's size, or a reward that is not finite.</exception>
    public static AdvantageGroups Compute(ReadOnlySpan<double> rewards, int groupSize, AdvantageScaling scaling = AdvantageScaling.Group)
    {
        if (groupSize < 2) throw new SightlineException(ErrorKind.Usage, $"a group needs at least 2 completions to compare, not {groupSize}: raise the group size");
        if (rewards.Length == 0 || rewards.Length % groupSize != 0) throw new SightlineException(ErrorKind.Usage, $"{rewards.Length} rewards are not whole groups of {groupSize}");
        for (var i = 0; i < rewards.Length; i++)
        {
            if (!double.IsFinite(rewards[i])) throw new SightlineException(ErrorKind.Usage, $"the reward of completion {i % groupSize} of group {i / groupSize} is {rewards[i]}: rewards must be finite");
        }

        var groups = new RewardSpread[rewards.Length / groupSize];
        var values = new double[rewards.Length];
        var all = Spread(rewards).Deviation;
        for (var g = 0; g < groups.Length; g++)
        {
            var own = rewards.Slice(g * groupSize, groupSize);
            groups[g] = Spread(own);
            if (groups[g].IsIdle) continue;
            var divisor = scaling switch
            {
                AdvantageScaling.Group => groups[g].Deviation + Epsilon,
                AdvantageScaling.Batch => all + Epsilon,
                _ => 1,
            };
            for (var i = 0; i < groupSize; i++) values[(g * groupSize) + i] = (own[i] - groups[g].Mean) / divisor;
        }

        return new AdvantageGroups(values, groups);
    }

    private static RewardSpread Spread(ReadOnlySpan<double> rewards)
    {
        var (mean, squares, isIdle) = (0.0, 0.0, true);
        foreach (var reward in rewards)
        {
            mean += reward / rewards.Length;
            isIdle &= reward == rewards[0];
        }

        if (isIdle) return new RewardSpread(rewards[0], 0, IsIdle: true);
        foreach (var reward in rewards) squares += (reward - mean) * (reward - mean);
        return new RewardSpread(mean, Math.Sqrt(squares / (rewards.Length - 1)), IsIdle: false);
    }
}
