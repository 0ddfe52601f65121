using Sightline.Training.Losses;

namespace Sightline.Training.Grounding;

/// <summary>
/// One place an object, at the least total cost (Carion et al. 2020, DETR, section 3.1), by <see cref="SetMatcher"/>: places are its queries and
/// the phrases that mean an object its tokens. 2 · focal cost + 5 · L1 - 2 · GIoU. The quality is the IoU of the chosen place's box.
/// </summary>
public sealed class HungarianAssigner(int side) : IPlaceAssigner
{
    private readonly SetMatcher _matcher = new(new SetLossOptions { Classification = SetClassification.TokenFocal, ClassCost = 2, BoxCost = 5, GiouCost = 2 });

    /// <inheritdoc/>
    public void Assign(ReadOnlySpan<float> boxes, ReadOnlySpan<float> logits, TrainingSample sample, List<Assignment> result)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(result);
        var (objects, phrases, places) = (sample.Objects, sample.Phrases.Length, side * side);
        if (objects.Length == 0) return;
        var byPlace = new float[places * phrases];                                        // [M x P]
        var centred = new float[places * 4];
        for (var place = 0; place < places; place++)
        {
            for (var p = 0; p < phrases; p++) byPlace[(place * phrases) + p] = logits[(p * places) + place];
            var box = boxes.Slice(place * 4, 4);
            Centre(box[0], box[1], box[2], box[3], centred.AsSpan(place * 4, 4));
        }

        var (chosen, targets) = _matcher.Match(byPlace, centred, Target(sample));
        for (var k = 0; k < chosen.Length; k++)
        {
            var box = boxes.Slice(chosen[k] * 4, 4);
            result.Add(new Assignment(chosen[k], targets[k], objects[targets[k]].Iou(new CanvasBox(box[0], box[1], box[2], box[3]))));
        }
    }

    private static SetTarget Target(TrainingSample sample)
    {
        var objects = sample.Objects;
        var boxes = new float[objects.Length * 4];
        for (var o = 0; o < objects.Length; o++) Centre(objects[o].X1, objects[o].Y1, objects[o].X2, objects[o].Y2, boxes.AsSpan(o * 4, 4));
        bool[][] meant = [.. objects.Select((_, o) => Array.ConvertAll(sample.Targets, means => means.AsSpan().Contains(o)))];
        return new SetTarget([.. Enumerable.Range(0, objects.Length)], boxes, meant);
    }

    private static void Centre(float x1, float y1, float x2, float y2, Span<float> box)
    {
        (box[0], box[1]) = ((x1 + x2) / 2, (y1 + y2) / 2);
        (box[2], box[3]) = (x2 - x1, y2 - y1);
    }
}
