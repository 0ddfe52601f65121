using System.Diagnostics;
using System.Globalization;
using Sightline.Training.Rewards;

namespace Sightline.Cli.Tests.Commands;

/// <summary>
/// A reward of one's own, as a recipe names it: hardly two answers score alike, so even an untrained model has something to learn. Where the variable
/// is set to CALL:MILLISECONDS it ends its process that long after that call, as kill -9 does.
/// </summary>
public sealed class LettersReward : IReward
{
    public const string KillVariable = "SIGHTLINE_TEST_KILL";

    private int _calls;

    public string Name => "test/letters";

    public string Description => "The letters, added up";

    public double Score(RewardCase one)
    {
        if (Environment.GetEnvironmentVariable(KillVariable) is { Length: > 0 } when) KillAfter(when.Split(':'));
        return one.Completion.Sum(letter => (int)letter) % 97 / 97.0;
    }

    private void KillAfter(string[] when)
    {
        if (++_calls != int.Parse(when[0], CultureInfo.InvariantCulture)) return;
        var delay = int.Parse(when[1], CultureInfo.InvariantCulture);
        if (delay == 0) Process.GetCurrentProcess().Kill();
        var killer = new Thread(() =>
        {
            Thread.Sleep(delay);
            Process.GetCurrentProcess().Kill();
        });
        killer.IsBackground = true;
        killer.Start();
    }
}
