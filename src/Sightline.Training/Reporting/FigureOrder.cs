namespace Sightline.Training.Reporting;

/// <summary>What a reader looks at first in the figures of a run, and their units.</summary>
internal static class FigureOrder
{
    /// <summary>Ranks below this are drawn large: they say whether the run works.</summary>
    public const int Details = 5;

    // figures with a part before a slash are rewards; what has no rank stands between the losses and the speed
    private static readonly string[][] s_ranks =
    [
        ["reward"], ["/"], [], ["kl"], ["entropy"], ["tokens", "shortest", "longest", "cut"], ["reward_spread", ".spread"], ["loss"], [],
        ["idle_groups", "redrawn_groups", "reward_errors", "clip_share", "sampler_difference"], ["gradient_norm", "learning_rate"], ["seconds", "pictures_per_second"],
    ];

    private const int Measured = 2;
    private const int Other = 8;

    /// <summary>Smaller ranks come first.</summary>
    /// <param name="name">The figure.</param>
    /// <param name="isMeasured">Whether it is of a validation source.</param>
    public static int Rank(string name, bool isMeasured)
    {
        var kind = name.EndsWith(".spread", StringComparison.Ordinal) ? ".spread" : name.StartsWith("seconds_", StringComparison.Ordinal) ? "seconds" : name.Contains('/', StringComparison.Ordinal) ? "/" : name;
        var rank = Array.FindIndex(s_ranks, names => names.Contains(kind));
        return rank >= 0 && !(isMeasured && kind == "loss") ? rank : isMeasured ? Measured : Other;
    }

    /// <summary>The unit; empty where a figure has none.</summary>
    public static string Unit(string name) => name switch
    {
        "kl" or "entropy" => "nats a token",
        "sampler_difference" => "nats",
        "shortest" or "longest" => "tokens",
        "cut" => "share of the answers",
        "clip_share" => "share of the tokens",
        "idle_groups" => "groups",
        "redrawn_groups" => "problems",
        "reward_errors" => "answers",
        "pictures_per_second" => "pictures a second",
        _ => name.StartsWith("seconds_", StringComparison.Ordinal) ? "seconds" : "",
    };
}
