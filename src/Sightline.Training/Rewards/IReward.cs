namespace Sightline.Training.Rewards;

/// <summary>
/// A reward of one's own: a class with a public constructor without parameters. A recipe names it in one line,
/// <c>{ "name": "mine/short", "assembly": "MyRewards.dll" }</c>; a program hands it to <see cref="RewardFunctions.Add"/>.
/// </summary>
public interface IReward
{
    /// <summary>As recipes call it, with a slash: <c>mine/short</c>.</summary>
    string Name { get; }

    /// <summary>What it rewards, in a sentence.</summary>
    string Description { get; }

    /// <summary>The score of an answer; the same for the same case, whatever was asked before. NaN: it has no opinion, and adds nothing.</summary>
    /// <exception cref="RewardException">The answer cannot be judged: it gets 0, and the log counts it (<c>reward_errors</c>). Any other exception ends the run.</exception>
    double Score(RewardCase one);
}
