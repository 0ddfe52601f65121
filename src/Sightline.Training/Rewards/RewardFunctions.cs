using Sightline.Training.Rewards.Upstream;

namespace Sightline.Training.Rewards;

/// <summary>The rewards that can be named.</summary>
public static class RewardFunctions
{
    /// <summary>All of them.</summary>
    public static IReadOnlyList<RewardFunction> All { get; } =
    [
        new("sightline/box_iou", "IoU of boxes paired one to one, over the longer list; 1 for a right 'nothing there'", BoxRewards.Iou),
        new("sightline/box_giou", "As box_iou with (GIoU + 1) / 2, which also tells near from far misses", BoxRewards.Giou),
        new("sightline/box_center", "As box_iou with the distance of centres, less for boxes of another size or shape", BoxRewards.Center),
        new("sightline/confidence", "Sure of right boxes and unsure of wrong ones", BoxRewards.Confidence),
        new("sightline/count", "How near the number of boxes is", BoxRewards.Count),
        new("sightline/point", "Points in boxes, paired one to one, over the longer list", PointRewards.InBox),
        new("sightline/gaussian_point", "As point, by a Gaussian over each box", PointRewards.Gaussian),
        new("sightline/label", "1 for the right name, or one of the case's synonyms", AnswerRewards.Label),
        new("sightline/format", "1 for thinking and a readable answer, each in its tags", AnswerRewards.Format),
        Upstream("visual-rft/accuracy_iou", "Mean IoU of boxes matched by confidence, over the longer list", VisualRft.AccuracyIou),
        Upstream("visual-rft/accuracy_iou_v1", "Mean IoU of boxes matched by confidence, over the answer's list", VisualRft.AccuracyIouFirst),
        Upstream("visual-rft/accuracy_confidence", "Confidence of matched boxes, and its absence for others", VisualRft.AccuracyConfidence),
        Upstream("visual-rft/format", "1 when thinking and answer stand in their tags", VisualRft.Format),
        Upstream("visual-rft/lisa_accuracy", "GIoU + 1 of one box", VisualRft.LisaAccuracy),
        Upstream("visual-rft/classification_accuracy", "1 when one name is part of the other", VisualRft.ClassificationAccuracy),
        Upstream("vlm-r1/rec_iou", "IoU of one box in pixels of the original picture", VlmR1.RecIou),
        Upstream("vlm-r1/rec_format", "1 when a box stands in braces in the answer's tags", VlmR1.RecFormat),
        Upstream("vlm-r1/format", "1 when thinking and answer stand in their tags", VisualRft.Format),
        Upstream("vlm-r1/repetition", "Minus the share of repeated boxes or word groups", VlmR1Text.Repetition),
        Upstream("vlm-r1/cosine_length", "Falls with the number of tokens", VlmR1Detection.CosineLength),
        Upstream("vlm-r1/accuracy.map", "COCO mAP of one picture", VlmR1Detection.Map),
        Upstream("vlm-r1/accuracy.od_ap", "COCO mAP of one picture, None for none", VlmR1Detection.OdAp),
        Upstream("vlm-r1/accuracy.od_ap50", "COCO AP50 of one picture, None for none", VlmR1Detection.OdAp50),
        Upstream("vlm-r1/accuracy.odLength", "COCO mAP of one picture, less for too many boxes", VlmR1Detection.OdLength),
        Upstream("vlm-r1/accuracy.weighted_sum", "0.7 of matched IoU and 0.3 of completeness", VlmR1Detection.WeightedSum),
        Upstream("vlm-r1/accuracy.all_match", "1 when answer and solution are the same text", VlmR1Text.AllMatch),
    ];

    private static readonly Dictionary<string, RewardFunction> s_added = new(StringComparer.Ordinal);

    /// <summary>Makes a reward of one's own known by its name; one of the same name is replaced.</summary>
    /// <exception cref="SightlineException">Usage: the name is that of a reward that ships with the library, or has no slash.</exception>
    public static void Add(IReward reward)
    {
        ArgumentNullException.ThrowIfNull(reward);
        if (!reward.Name.Contains('/', StringComparison.Ordinal) || All.Any(known => known.Name == reward.Name))
            throw new SightlineException(ErrorKind.Usage, $"the reward '{reward.Name}' needs a name of its own, such as mine/short");
        lock (s_added) s_added[reward.Name] = new RewardFunction(reward.Name, reward.Description, one => Score(reward, one));
    }

    /// <summary>A reward by name; <c>visual_rft.</c> and <c>vlm_r1.</c> are read as <c>visual-rft/</c> and <c>vlm-r1/</c>.</summary>
    /// <exception cref="SightlineException">Usage: there is none of that name.</exception>
    public static RewardFunction Get(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        var wanted = name.Replace("visual_rft.", "visual-rft/", StringComparison.Ordinal).Replace("vlm_r1.", "vlm-r1/", StringComparison.Ordinal);
        lock (s_added)
        {
            if (s_added.TryGetValue(wanted, out var added)) return added;
        }

        return All.FirstOrDefault(reward => reward.Name == wanted)
            ?? throw new SightlineException(ErrorKind.Usage, $"there is no reward '{name}'; there are {string.Join(", ", All.Select(reward => reward.Name))}");
    }

    /// <summary>What goes wrong in a class of the user's is no defect of ours: it is said with the reward's name.</summary>
    private static double Score(IReward reward, RewardCase one)
    {
        try
        {
            return reward.Score(one);
        }
        catch (Exception error) when (error is not (RewardException or SightlineException or OperationCanceledException))
        {
            throw new SightlineException(ErrorKind.BadRecipe, $"the reward '{reward.Name}' failed ({error.GetType().Name}: {error.Message.ReplaceLineEndings(" ")}): mend its class; --verbose shows where", error);
        }
    }

    private static RewardFunction Upstream(string name, string description, Func<RewardCase, double> score) => new(name, description, score) { SkipsSpecialTokens = true };
}
