using Sightline.Generation;

namespace Sightline.Models.QwenVl;

/// <summary>
/// A conversation as a Qwen-VL model reads it: token ids in which each picture stands as a run of <c>&lt;|image_pad|&gt;</c>, one a merged
/// patch, and the pictures in the order of their runs.
/// </summary>
/// <param name="Text">The rendered template, with one placeholder a picture.</param>
/// <param name="Ids">Token ids with the placeholders expanded.</param>
/// <param name="Pictures">The pictures, in order.</param>
/// <param name="ImageSpans">Where each picture's run begins in <paramref name="Ids"/>, and its length.</param>
public sealed record QwenPrompt(string Text, int[] Ids, IReadOnlyList<QwenPicture> Pictures, IReadOnlyList<(int Start, int Length)> ImageSpans)
{
    /// <summary>Tokens that stand for pictures.</summary>
    public int ImageTokens => ImageSpans.Sum(span => span.Length);

    /// <summary>The grids, <c>image_grid_thw</c>.</summary>
    public IReadOnlyList<PictureGrid> Grids { get; } = [.. Pictures.Select(picture => picture.Grid)];

    /// <summary>Says before any work whether the prompt and its answer fit into the model.</summary>
    /// <param name="context">The longest text of the model in tokens, <c>max_position_embeddings</c>.</param>
    /// <param name="answer">Tokens kept free for the answer.</param>
    /// <exception cref="SightlineException">Usage: they do not fit; the sentence says what pictures cost.</exception>
    public void RequireFits(int context, int answer)
    {
        if ((long)Ids.Length + answer <= context) return;
        throw new SightlineException(ErrorKind.Usage, ImageTokens * 2 > Ids.Length
            ? $"the prompt has {Ids.Length} tokens, {ImageTokens} of them for {Pictures.Count} picture(s), and with {answer} for the answer they exceed the model's {context}: give fewer or smaller pictures, or lower the most pixels a picture"
            : $"the prompt has {Ids.Length} tokens, and with {answer} for the answer they exceed the model's {context}: shorten the text or the answer");
    }
}
