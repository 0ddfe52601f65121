using Sightline.Tensors;

namespace Sightline.Generation;

/// <summary>
/// What the generation engine asks of a model that continues token sequences, with or without pictures in them. A model holds weights
/// and no sequence: everything about the sequences in flight is in the <see cref="LanguageModelInput"/> and the
/// <see cref="KeyValueCache"/>, so one model serves any number of them in one batch.
/// <para>T tokens of a step over all sequences, C channels, V token ids, N image tokens, P patches.</para>
/// </summary>
public interface ILanguageModel
{
    /// <summary>Sizes that the engine needs to know.</summary>
    LanguageModelSizes Sizes { get; }

    /// <summary>Places a prompt: positions of its tokens, and which of them stand for which picture. Checks it before any work is done.</summary>
    /// <param name="ids">The prompt, [T], with one image token for each row that <see cref="Encode"/> will give.</param>
    /// <param name="pictures">The grids of its pictures, in the order of their image tokens.</param>
    /// <exception cref="SightlineException">Usage: an id is outside the vocabulary, image tokens and pictures do not fit each other, or the prompt is longer than the context.</exception>
    PromptLayout Lay(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> pictures);

    /// <summary>Runs the image encoder on one picture. The caller disposes the result, which is made outside of any <see cref="TensorScope"/>.</summary>
    /// <exception cref="OperationCanceledException">Cancelled; noticed after each layer.</exception>
    PictureFeatures Encode(PicturePatches picture, CancellationToken cancellation = default);

    /// <summary>One step over some tokens of any number of sequences.</summary>
    /// <param name="input">The tokens.</param>
    /// <param name="cache">
    /// Receives the keys and values of the tokens at <see cref="LanguageModelInput.Slots"/>, and holds what the layout's key ranges name; null:
    /// the tokens see only each other, and key ranges count tokens (training, scoring).
    /// </param>
    /// <returns>States after the final norm, [T, C].</returns>
    Tensor Forward(LanguageModelInput input, KeyValueCache? cache);

    /// <summary>states [R, C] to scores of the next token, float32 [R, V]. Choose the rows before: <c>Op.IndexRows</c>.</summary>
    Tensor Logits(Tensor states);
}
