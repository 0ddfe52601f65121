namespace Sightline.Training.Grounding;

/// <summary>
/// Decides which places of the grid answer for which object: one to many, by how well a place already does (Feng et al. 2021, TOOD,
/// section 3.2). The metric of a place is s^α · u^β, s the mean alignment with the object's phrases and u the IoU of its
/// box; the best <see cref="TopK"/> places inside the object are chosen. A place that several objects want goes to the one it overlaps most.
/// </summary>
public sealed class TaskAlignedAssigner(int side, int topK = 10, float alpha = 0.5f, float beta = 6f) : IPlaceAssigner
{
    private readonly int[] _owner = new int[side * side];
    private readonly float[] _ownerIou = new float[side * side];
    private readonly float[] _ownerMetric = new float[side * side];
    private readonly float[] _bestMetric = new float[topK];
    private readonly int[] _bestPlace = new int[topK];
    private readonly float[] _bestIou = new float[topK];

    /// <summary>Places that answer for one object, at most.</summary>
    public int TopK => topK;

    /// <inheritdoc/>
    public void Assign(ReadOnlySpan<float> boxes, ReadOnlySpan<float> logits, TrainingSample sample, List<Assignment> result)
    {
        Array.Fill(_owner, -1);
        for (var o = 0; o < sample.Objects.Length; o++) Choose(o, boxes, logits, sample);
        Span<float> bestMetric = stackalloc float[Math.Min(sample.Objects.Length, 512)];
        var best = sample.Objects.Length <= 512 ? bestMetric : new float[sample.Objects.Length];
        Span<float> bestIou = stackalloc float[Math.Min(sample.Objects.Length, 512)];
        var iou = sample.Objects.Length <= 512 ? bestIou : new float[sample.Objects.Length];
        best.Clear();
        iou.Clear();
        for (var place = 0; place < _owner.Length; place++)
        {
            if (_owner[place] is var o and >= 0)
            {
                best[o] = MathF.Max(best[o], _ownerMetric[place]);
                iou[o] = MathF.Max(iou[o], _ownerIou[place]);
            }
        }

        for (var place = 0; place < _owner.Length; place++)
        {
            if (_owner[place] is var o and >= 0)
                result.Add(new Assignment(place, o, best[o] > 0 ? _ownerMetric[place] / best[o] * iou[o] : 0));
        }
    }

    private void Choose(int o, ReadOnlySpan<float> boxes, ReadOnlySpan<float> logits, TrainingSample sample)
    {
        var target = sample.Objects[o];
        // places whose centre (column + 0.5) / side lies inside
        var left = Math.Clamp((int)MathF.Ceiling((target.X1 * side) - 0.5f), 0, side - 1);
        var right = Math.Clamp((int)MathF.Floor((target.X2 * side) - 0.5f), 0, side - 1);
        var top = Math.Clamp((int)MathF.Ceiling((target.Y1 * side) - 0.5f), 0, side - 1);
        var bottom = Math.Clamp((int)MathF.Floor((target.Y2 * side) - 0.5f), 0, side - 1);
        if (right < left) left = right = Math.Clamp((int)((target.X1 + target.X2) / 2 * side), 0, side - 1);
        if (bottom < top) top = bottom = Math.Clamp((int)((target.Y1 + target.Y2) / 2 * side), 0, side - 1);
        var count = 0;
        for (var row = top; row <= bottom; row++)
        {
            for (var column = left; column <= right; column++)
            {
                var place = (row * side) + column;
                var box = boxes.Slice(place * 4, 4);
                var u = target.Iou(new CanvasBox(box[0], box[1], box[2], box[3]));
                var metric = MathF.Pow(Alignment(o, place, logits, sample), alpha) * MathF.Pow(u, beta);
                // while all boxes are still far off, the middle of the object is preferred
                metric += 1e-9f * (1 - Distance(target, row, column));
                Insert(ref count, place, metric, u);
            }
        }

        for (var i = 0; i < count; i++)
        {
            var place = _bestPlace[i];
            if (_owner[place] >= 0 && _ownerIou[place] >= _bestIou[i]) continue;
            _owner[place] = o;
            _ownerIou[place] = _bestIou[i];
            _ownerMetric[place] = _bestMetric[i];
        }
    }

    private float Alignment(int o, int place, ReadOnlySpan<float> logits, TrainingSample sample)
    {
        float sum = 0;
        var phrases = 0;
        for (var p = 0; p < sample.Targets.Length; p++)
        {
            if (!sample.Targets[p].AsSpan().Contains(o)) continue;
            sum += 1 / (1 + MathF.Exp(-logits[(p * side * side) + place]));
            phrases++;
        }

        return phrases == 0 ? 1 : sum / phrases;
    }

    private float Distance(CanvasBox target, int row, int column)
    {
        var dx = (((column + 0.5f) / side) - ((target.X1 + target.X2) / 2)) / MathF.Max(target.X2 - target.X1, 1e-6f);
        var dy = (((row + 0.5f) / side) - ((target.Y1 + target.Y2) / 2)) / MathF.Max(target.Y2 - target.Y1, 1e-6f);
        return MathF.Min(1, MathF.Sqrt((dx * dx) + (dy * dy)));
    }

    private void Insert(ref int count, int place, float metric, float iou)
    {
        var at = count;
        while (at > 0 && _bestMetric[at - 1] < metric) at--;
        if (at >= topK) return;
        var last = Math.Min(count, topK - 1);
        for (var i = last; i > at; i--)
        {
            _bestMetric[i] = _bestMetric[i - 1];
            _bestPlace[i] = _bestPlace[i - 1];
            _bestIou[i] = _bestIou[i - 1];
        }

        _bestMetric[at] = metric;
        _bestPlace[at] = place;
        _bestIou[at] = iou;
        if (count < topK) count++;
    }
}
