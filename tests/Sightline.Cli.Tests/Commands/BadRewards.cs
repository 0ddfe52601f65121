using Sightline.Training.Rewards;

namespace Sightline.Cli.Tests.Commands;

/// <summary>A reward with a mistake in it.</summary>
public sealed class FailingReward : IReward
{
    public string Name => "test/failing";

    public string Description => "Fails";

    public double Score(RewardCase one) => throw new InvalidOperationException("no such thing\nas this");
}

/// <summary>A reward that never has an opinion.</summary>
public sealed class SilentReward : IReward
{
    public string Name => "test/silent";

    public string Description => "Says nothing";

    public double Score(RewardCase one) => double.NaN;
}
