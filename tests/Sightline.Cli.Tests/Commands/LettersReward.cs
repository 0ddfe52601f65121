using Sightline.Training.Rewards;

namespace Sightline.Cli.Tests.Commands;

/// <summary>A reward of one's own, as a recipe names it: hardly two answers score alike, so even an untrained model has something to learn.</summary>
public sealed class LettersReward : IReward
{
    public string Name => "test/letters";

    public string Description => "The letters, added up";

    public double Score(RewardCase one) => one.Completion.Sum(letter => (int)letter) % 97 / 97.0;
}
