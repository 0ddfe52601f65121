using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Training.Losses;

/// <summary>
/// Losses that pull an image and its text together and push all other pairs of the batch apart. Row i of both sides belongs together.
/// B pairs, D channels.
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
        var own = Numbers(logits.Shape[0], logits.Engine);
        var byText = Op.CrossEntropy(logits, own);
        var byImage = Op.CrossEntropy(Op.Transpose(logits), own);
        return Op.Scale(Op.Add(byText, byImage), 0.5f);
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
        var B = logits.Shape[0];
        return Op.Scale(Op.Sum(Op.LogSigmoid(Op.Mul(Signs(B, logits.Engine), logits))), -1f / B);
    }

    private static Tensor Similarities(Tensor image, Tensor text)
    {
        if (image.Shape != text.Shape || image.Shape.Rank != 2) throw new ShapeException($"contrastive loss: expected image and text [B, D], got {image} and {text}");
        return Op.MatMul(Op.L2Normalize(text, 0), Op.L2Normalize(image, 0), transposeB: true);
    }

    private static Tensor Numbers(int count, Engine engine)
    {
        var numbers = new long[count];
        for (var i = 0; i < count; i++) numbers[i] = i;
        return Tensor.From(numbers, [count], engine);
    }

    /// <summary>+1 on the diagonal, -1 elsewhere.</summary>
    private static Tensor Signs(int count, Engine engine)
    {
        var matrix = new float[count * count];
        Array.Fill(matrix, -1f);
        for (var i = 0; i < count; i++) matrix[(i * count) + i] = 1f;
        return Tensor.From(matrix, [count, count], engine);
    }
}
