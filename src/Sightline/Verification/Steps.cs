using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors.Ops;

namespace Sightline.Verification;

/// <summary>Steps of a model over whole prompts.</summary>
internal static class Steps
{
    /// <summary>Prompts one after another, each seeing itself only.</summary>
    public static LanguageModelInput Packed(IEnumerable<int[]> prompts, IReadOnlyList<PromptLayout> layouts, IReadOnlyList<PictureFeatures> pictures)
    {
        int[] ids = [.. prompts.SelectMany(prompt => prompt)];
        var positions = new long[3 * ids.Length];
        var runs = new List<PictureRun>();
        var start = 0;
        foreach (var layout in layouts)
        {
            for (var axis = 0; axis < 3; axis++) layout.Positions.AsSpan(axis * layout.Length, layout.Length).CopyTo(positions.AsSpan((axis * ids.Length) + start));
            foreach (var place in layout.Pictures) runs.Add(new PictureRun(start + place.Start, pictures[runs.Count], 0, place.Count));
            start += layout.Length;
        }

        return new LanguageModelInput
        {
            Ids = ids,
            Positions = positions,
            Layout = AttentionLayout.Packed([.. layouts.Select(layout => layout.Length)], causal: true),
            Pictures = runs,
        };
    }

    /// <summary>How many of the pictures that are left belong to a prompt, by its image tokens.</summary>
    public static int PicturesOf(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> left, QwenVlConfig config)
    {
        var tokens = ids.Count(config.ImageTokenId);
        var count = 0;
        while (tokens > 0 && count < left.Length) tokens -= left[count++].Tokens(config.Vision.SpatialMergeSize);
        return count;
    }
}
