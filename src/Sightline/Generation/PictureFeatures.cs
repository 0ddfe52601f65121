using Sightline.Tensors;

namespace Sightline.Generation;

/// <summary>What the image encoder made of one picture: a row for each of its image tokens. Dispose it when no sequence needs it any more.</summary>
/// <param name="grid">Its patches.</param>
/// <param name="embeddings">What takes the place of the token vectors, float32 [N, C].</param>
/// <param name="levels">What is added to the states after the first layers (DeepStack, Meng et al. 2024), one [N, C] a layer; usually none.</param>
public sealed class PictureFeatures(PictureGrid grid, Tensor embeddings, IReadOnlyList<Tensor> levels) : IDisposable
{
    /// <summary>Its patches.</summary>
    public PictureGrid Grid => grid;

    /// <summary>Image tokens, N.</summary>
    public int Count => embeddings.Shape[0];

    /// <summary>What takes the place of the token vectors, float32 [N, C].</summary>
    public Tensor Embeddings => embeddings;

    /// <summary>What is added to the states after layer 0, 1, .., each float32 [N, C].</summary>
    public IReadOnlyList<Tensor> Levels => levels;

    /// <summary>Bytes of all rows.</summary>
    public long Bytes => embeddings.Bytes + levels.Sum(level => level.Bytes);

    /// <summary>Gives the memory back.</summary>
    public void Dispose()
    {
        embeddings.Dispose();
        foreach (var level in levels) level.Dispose();
    }
}
