using Sightline.Generation;

namespace Sightline.Models.QwenVl;

/// <summary>
/// Positions of a prompt with pictures (M-RoPE; Wang et al. 2024, section 2.1): text counts on in all three axes, a picture's tokens share one time
/// and count rows and columns from where it begins, and what follows continues after its longer side. Equal to <c>get_rope_index</c> of transformers
/// 5.12 for still pictures.
/// </summary>
internal static class QwenVlPrompt
{
    public static PromptLayout Lay(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> pictures, QwenVlConfig config)
    {
        Check(ids, pictures, config);
        var merge = config.Vision.SpatialMergeSize;
        var T = ids.Length;
        var positions = new long[3 * T];
        var places = new PicturePlace[pictures.Length];
        var (next, largest, picture) = (0L, -1L, 0);
        for (var t = 0; t < T;)
        {
            if (ids[t] != config.ImageTokenId)
            {
                positions[t] = positions[T + t] = positions[(2 * T) + t] = largest = next++;
                t++;
                continue;
            }

            var grid = pictures[picture];
            var count = grid.Tokens(merge);
            RequireRun(ids, t, count, picture, config.ImageTokenId);
            places[picture++] = new PicturePlace(t, count);
            var (height, width) = (grid.Height / merge, grid.Width / merge);
            for (var i = 0; i < count; i++, t++)
            {
                var (time, inPicture) = Math.DivRem(i, height * width);
                (positions[t], positions[T + t], positions[(2 * T) + t]) = (next + time, next + (inPicture / width), next + (inPicture % width));
            }

            largest = next + Math.Max(grid.Time, Math.Max(height, width)) - 1;
            next += Math.Max(height, width);
        }

        return new PromptLayout(positions, largest + 1, places);
    }

    private static void Check(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> pictures, QwenVlConfig config)
    {
        if (ids.Length > config.Text.MaxPositionEmbeddings)
            throw Bad($"the prompt has {ids.Length} tokens and the model's context holds {config.Text.MaxPositionEmbeddings}: shorten the text or use smaller pictures");
        var imageTokens = 0;
        for (var t = 0; t < ids.Length; t++)
        {
            if (ids[t] == config.ImageTokenId) imageTokens++;
            else if (ids[t] == config.VideoTokenId) throw Bad($"token {t} of the prompt stands for a film, and films are not supported: give single pictures");
            else if (ids[t] < 0 || ids[t] >= config.Text.VocabSize) throw Bad($"token {t} of the prompt is {ids[t]}, and the model knows ids from 0 to {config.Text.VocabSize - 1}: is the tokenizer that of another model?");
        }

        var needed = 0L;
        foreach (var grid in pictures) needed += grid.Tokens(config.Vision.SpatialMergeSize);
        if (needed != imageTokens)
            throw Bad($"the prompt has {imageTokens} image tokens and its {pictures.Length} pictures need {needed}: put as many in as the pictures' grids say");
    }

    private static void RequireRun(ReadOnlySpan<int> ids, int start, int count, int picture, int imageToken)
    {
        var run = ids[start..].IndexOfAnyExcept(imageToken);
        if (run < 0) run = ids.Length - start;
        if (run < count) throw Bad($"picture {picture + 1} needs {count} image tokens in a row, and at token {start} of the prompt are {run}");
    }

    private static SightlineException Bad(string problem) => new(ErrorKind.Usage, problem);
}
