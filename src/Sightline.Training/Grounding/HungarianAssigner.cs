using Sightline.Geometry;

namespace Sightline.Training.Grounding;

/// <summary>
/// One place an object, at the least total cost (Carion et al. 2020, DETR, section 3.1): 2 · focal cost of the alignment with the
/// object's phrases + 5 · L1 + 2 · (1 - GIoU). The quality is the IoU of the chosen place's box.
/// </summary>
public sealed class HungarianAssigner(int side) : IPlaceAssigner
{
    private const float Alpha = 0.25f;
    private readonly AssignmentSolver _solver = new();
    private float[] _cost = [];
    private int[] _placeOf = [];

    /// <inheritdoc/>
    public void Assign(ReadOnlySpan<float> boxes, ReadOnlySpan<float> logits, TrainingSample sample, List<Assignment> result)
    {
        ArgumentNullException.ThrowIfNull(sample);
        ArgumentNullException.ThrowIfNull(result);
        var (objects, places) = (sample.Objects.Length, side * side);
        if (objects == 0) return;
        if (_cost.Length < objects * places) _cost = new float[objects * places];
        if (_placeOf.Length < objects) _placeOf = new int[objects];
        for (var o = 0; o < objects; o++)
        {
            for (var place = 0; place < places; place++) _cost[(o * places) + place] = Cost(o, place, boxes.Slice(place * 4, 4), logits, sample);
        }

        _solver.Solve(_cost.AsSpan(0, objects * places), objects, places, _placeOf.AsSpan(0, objects));
        var first = result.Count;
        for (var o = 0; o < objects; o++)
        {
            var box = boxes.Slice(_placeOf[o] * 4, 4);
            result.Add(new Assignment(_placeOf[o], o, sample.Objects[o].Iou(new CanvasBox(box[0], box[1], box[2], box[3]))));
        }

        result.Sort(first, result.Count - first, Comparer<Assignment>.Create((a, b) => a.Place.CompareTo(b.Place)));
    }

    private float Cost(int o, int place, ReadOnlySpan<float> box, ReadOnlySpan<float> logits, TrainingSample sample)
    {
        var target = sample.Objects[o];
        var giou = Iou.Of(box[0], box[1], box[2], box[3], target.X1, target.Y1, target.X2, target.Y2, IouKind.Generalized);
        var l1 = MathF.Abs(box[0] - target.X1) + MathF.Abs(box[1] - target.Y1) + MathF.Abs(box[2] - target.X2) + MathF.Abs(box[3] - target.Y2);
        return (2 * FocalCost(o, place, logits, sample)) + (5 * l1) + (2 * (1 - giou));
    }

    /// <summary>What the focal loss would gain by calling this place positive, averaged over the phrases that mean the object.</summary>
    private float FocalCost(int o, int place, ReadOnlySpan<float> logits, TrainingSample sample)
    {
        float sum = 0;
        var phrases = 0;
        for (var p = 0; p < sample.Targets.Length; p++)
        {
            if (!sample.Targets[p].AsSpan().Contains(o)) continue;
            var q = 1 / (1 + MathF.Exp(-logits[(p * side * side) + place]));
            sum += (Alpha * (1 - q) * (1 - q) * -MathF.Log(q + 1e-8f)) - ((1 - Alpha) * q * q * -MathF.Log(1 - q + 1e-8f));
            phrases++;
        }

        return phrases == 0 ? 0 : sum / phrases;
    }
}
