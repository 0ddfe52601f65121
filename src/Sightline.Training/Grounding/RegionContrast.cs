using System.Runtime.InteropServices;
using Sightline.Geometry;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Ops;
using Sightline.Training.Losses;

namespace Sightline.Training.Grounding;

/// <summary>The contrastive losses.</summary>
public enum ContrastiveLossKind
{
    /// <summary>Softmax over the batch, both ways (van den Oord et al. 2018; CLIP, Radford et al. 2021).</summary>
    InfoNce,

    /// <summary>Every pair by itself (SigLIP, Zhai et al. 2023).</summary>
    Sigmoid,
}

/// <summary>
/// Contrastive pre-training: regions with phrases, and the whole picture with the list of what is in it. Only phrases that
/// describe an object by itself take part ("the small red ring"): without fusion nothing can know what lies left of what. A region
/// and a phrase are a pair when the phrase means it, or when another picture uses the same phrase for its own region.
/// </summary>
public sealed class RegionContrast(FusionConfig config, ContrastiveLossKind kind)
{
    private const int Grid = 3;
    private readonly List<long> _places = [];

    /// <summary>What a batch of samples compares: phrases by picture, and which region belongs to which phrase.</summary>
    public static ContrastPairs Pair(IReadOnlyList<TrainingSample> samples)
    {
        var phrases = new List<List<string>>();
        var regions = new List<(int Picture, CanvasBox Box, HashSet<string> Phrases)>();
        for (var b = 0; b < samples.Count; b++)
        {
            var sample = samples[b];
            var own = new List<string>();
            var regionOf = new Dictionary<int, int>();
            for (var p = 0; p < sample.Phrases.Length; p++)
            {
                if (sample.PositionSensitive[p] || sample.Targets[p].Length == 0) continue;
                if (!own.Contains(sample.Phrases[p])) own.Add(sample.Phrases[p]);
                foreach (var o in sample.Targets[p])
                {
                    if (!regionOf.TryGetValue(o, out var r))
                    {
                        regionOf[o] = r = regions.Count;
                        regions.Add((b, sample.Objects[o], []));
                    }

                    regions[r].Phrases.Add(sample.Phrases[p]);
                }
            }

            if (own.Count > 0)
            {
                // the whole picture against everything that was said about it
                var caption = string.Join(", ", own.Order(StringComparer.Ordinal));
                own.Add(caption);
                regions.Add((b, Whole(sample), [caption]));
            }

            phrases.Add(own);
        }

        return new ContrastPairs(phrases, regions);
    }

    /// <summary>The loss of a batch; regions [B·M, E] and phrases [P, E] from <see cref="FusionModel.Embed"/>.</summary>
    public Tensor Compute(Tensor regions, Tensor phrases, ContrastPairs pairs, Tensor logScale, Tensor bias)
    {
        ArgumentNullException.ThrowIfNull(pairs);
        return Compare(Pool(regions, pairs, 0, pairs.Phrases.Count), phrases, pairs, logScale, bias);
    }

    /// <summary>
    /// One vector of length 1 for each region of some pictures, [R, E]: the mean over a 3 x 3 grid of places inside its box.
    /// </summary>
    /// <param name="regions">Of those pictures alone, [count·M, E].</param>
    /// <param name="pairs">Of all pictures.</param>
    /// <param name="first">The first picture.</param>
    /// <param name="count">How many.</param>
    internal Tensor Pool(Tensor regions, ContrastPairs pairs, int first, int count)
    {
        _places.Clear();
        foreach (var (picture, box, _) in pairs.Regions)
        {
            if (picture >= first && picture < first + count) AddPlaces(picture - first, box);
        }

        var rows = Tensor.From<long>(CollectionsMarshal.AsSpan(_places), [_places.Count]);
        var pooled = Op.Reshape(Op.IndexRows(regions, rows), _places.Count / (Grid * Grid), Grid * Grid, config.ProjectionSize);
        return Op.L2Normalize(Op.Mean(pooled, false, 1));
    }

    /// <summary>The loss of region vectors [R, E] against phrase vectors [P, E], all of length 1.</summary>
    internal Tensor Compare(Tensor vectors, Tensor phrases, ContrastPairs pairs, Tensor logScale, Tensor bias)
    {
        var texts = pairs.Phrases.SelectMany(own => own).ToArray();
        var logits = Op.Mul(Op.MatMul(vectors, phrases, transposeB: true), Op.Exp(logScale)); // [R, P]
        var positive = new float[pairs.Regions.Count * texts.Length];
        for (var r = 0; r < pairs.Regions.Count; r++)
        {
            for (var p = 0; p < texts.Length; p++)
            {
                if (pairs.Regions[r].Phrases.Contains(texts[p])) positive[(r * texts.Length) + p] = 1;
            }
        }

        return kind == ContrastiveLossKind.Sigmoid ? ContrastiveLoss.Sigmoid(Op.Add(logits, bias), positive) : ContrastiveLoss.InfoNce(logits, positive);
    }

    private static CanvasBox Whole(TrainingSample sample)
    {
        var whole = sample.Canvas.FromSource(new Box(0, 0, 1, 1, CoordinateFrame.Unit));
        return new CanvasBox((float)whole.X1, (float)whole.Y1, (float)whole.X2, (float)whole.Y2);
    }

    /// <summary>The places nearest to a 3 x 3 grid inside the box.</summary>
    private void AddPlaces(int picture, CanvasBox box)
    {
        var side = config.FineSide;
        for (var i = 0; i < Grid; i++)
        {
            for (var j = 0; j < Grid; j++)
            {
                var x = box.X1 + ((box.X2 - box.X1) * (j + 0.5f) / Grid);
                var y = box.Y1 + ((box.Y2 - box.Y1) * (i + 0.5f) / Grid);
                var column = Math.Clamp((int)(x * side), 0, side - 1);
                var row = Math.Clamp((int)(y * side), 0, side - 1);
                _places.Add((picture * side * side) + (row * side) + column);
            }
        }
    }
}
