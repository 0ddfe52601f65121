using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Losses;

/// <summary>
/// Losses that pull together what belongs together and push all other pairs of a batch apart: images with texts (row i of both sides belongs together),
/// or any two sides with a table of which belongs to which. B pairs, D channels, R rows, P columns.
/// </summary>
public static class ContrastiveLoss
{
    /// <summary>
    /// Symmetric InfoNCE (CLIP, Radford et al. 2021): logits = e^logScale · text imageᵀ of unit vectors; the mean of the cross entropies over images
    /// and over texts.
    /// </summary>
    /// <param name="image">[B, D], any length; normalised here.</param>
    /// <param name="text">[B, D]</param>
    /// <param name="logScale">Scalar: the logarithm of the inverse temperature.</param>
    /// <returns>A scalar.</returns>
    public static Tensor InfoNce(Tensor image, Tensor text, Tensor logScale)
    {
        var logits = Op.Mul(Similarities(image, text), Op.Exp(logScale)); // [B texts, B images]
        return InfoNce(logits, Diagonal(logits.Shape[0]));
    }

    /// <summary>
    /// Sigmoid loss (SigLIP, Zhai et al. 2023): logits = e^logScale · text imageᵀ + bias; -Σ_j ln σ(±logit), + for the own pair, averaged over rows.
    /// </summary>
    /// <param name="image">[B, D], any length; normalised here.</param>
    /// <param name="text">[B, D]</param>
    /// <param name="logScale">Scalar.</param>
    /// <param name="bias">Scalar.</param>
    /// <returns>A scalar.</returns>
    public static Tensor Sigmoid(Tensor image, Tensor text, Tensor logScale, Tensor bias)
    {
        var logits = Op.Add(Op.Mul(Similarities(image, text), Op.Exp(logScale)), bias); // [B, B]
        return Sigmoid(logits, Diagonal(logits.Shape[0]));
    }

    /// <summary>
    /// InfoNCE with several positives: cross entropy of each row against the uniform distribution over its positives, and of each column, averaged over
    /// rows, over columns, and the two. Rows and columns without a positive give nothing.
    /// </summary>
    /// <param name="logits">[R, P]</param>
    /// <param name="positive">[R x P]: 1 where row and column belong together, 0 elsewhere.</param>
    public static Tensor InfoNce(Tensor logits, ReadOnlySpan<float> positive)
    {
        var (R, P) = (logits.Shape[0], logits.Shape[1]);
        var byRow = positive.ToArray();
        var byColumn = new float[P * R];
        for (var r = 0; r < R; r++)
        {
            for (var p = 0; p < P; p++) byColumn[(p * R) + r] = byRow[(r * P) + p];
        }

        NormalizeRows(byRow, P);
        NormalizeRows(byColumn, R);
        var rows = Op.Sum(Op.Mul(Op.LogSoftmax(logits), Tensor.From(byRow, [R, P], logits.Engine)));
        var columns = Op.Sum(Op.Mul(Op.LogSoftmax(Op.Transpose(logits, 1, 0)), Tensor.From(byColumn, [P, R], logits.Engine)));
        return Op.Add(Op.Scale(rows, -0.5f / R), Op.Scale(columns, -0.5f / P));
    }

    /// <summary>The sigmoid loss for any table of pairs, averaged over rows.</summary>
    /// <param name="logits">[R, P], with the bias.</param>
    /// <param name="positive">[R x P]: 1 where row and column belong together, 0 elsewhere.</param>
    public static Tensor Sigmoid(Tensor logits, ReadOnlySpan<float> positive) =>
        Op.Scale(Op.BceWithLogits(logits, Tensor.From<float>(positive, logits.Shape, logits.Engine), null, Reduction.Sum), 1f / logits.Shape[0]);

    private static Tensor Similarities(Tensor image, Tensor text)
    {
        if (image.Shape != text.Shape || image.Shape.Rank != 2) throw new ShapeException($"contrastive loss: expected image and text [B, D], got {image} and {text}");
        return Op.MatMul(Op.L2Normalize(text, 0), Op.L2Normalize(image, 0), transposeB: true);
    }

    private static float[] Diagonal(int count)
    {
        var matrix = new float[count * count];
        for (var i = 0; i < count; i++) matrix[(i * count) + i] = 1;
        return matrix;
    }

    private static void NormalizeRows(float[] values, int columns)
    {
        for (var start = 0; start < values.Length; start += columns)
        {
            var row = values.AsSpan(start, columns);
            float sum = 0;
            foreach (var value in row) sum += value;
            for (var i = 0; i < row.Length && sum > 0; i++) row[i] /= sum;
        }
    }
}
