using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Tensors.Ops;
using Sightline.Verification;

namespace Sightline.Quantization;

/// <summary>The prompts of a reference case with their pictures as a model encodes them.</summary>
internal sealed class CaseInputs : IDisposable
{
    private readonly PromptLayout[] _layouts;
    private readonly List<PictureFeatures> _pictures;

    private CaseInputs(int[][] prompts, PromptLayout[] layouts, List<PictureFeatures> pictures) => (Prompts, _layouts, _pictures) = (prompts, layouts, pictures);

    /// <summary>Token ids of each prompt.</summary>
    public int[][] Prompts { get; }

    public static CaseInputs Encode(QwenVlModel model, ReferenceFolder reference, ReferenceCase stored, CancellationToken cancellation)
    {
        int[][] prompts = [.. stored.Prompts().Select(prompt => prompt.Ids)];
        var grids = stored.Grids();
        var layouts = new PromptLayout[prompts.Length];
        var first = 0;
        for (var b = 0; b < prompts.Length; b++)
        {
            var count = Steps.PicturesOf(prompts[b], grids.AsSpan(first), model.Config);
            layouts[b] = model.Lay(prompts[b], grids.AsSpan(first, count));
            first += count;
        }

        var pictures = new List<PictureFeatures>();
        if (first == 0) return new CaseInputs(prompts, layouts, pictures);
        if (first > stored.Images.Count)
            throw new SightlineException(ErrorKind.BadData, $"{reference.Path}: the case {stored.Name} names {stored.Images.Count} images and needs {first}: write the reference again");
        using var pixels = reference.OpenPixels();
        for (var i = 0; i < first; i++)
        {
            using var scope = TensorScope.Open();
            var (embeddings, levels) = model.Vision.Forward(pixels.Load($"{stored.Images[i]}.pixel_values", DType.Float32), [grids[i]], cancellation: cancellation);
            pictures.Add(new PictureFeatures(grids[i], embeddings.AsParameter(requiresGrad: false), [.. levels.Select(level => level.AsParameter(requiresGrad: false))]));
        }

        return new CaseInputs(prompts, layouts, pictures);
    }

    /// <summary>The scores after each token of each prompt, one prompt after another, V numbers each.</summary>
    public float[] Logits(QwenVlModel model)
    {
        using var scope = TensorScope.Open();
        return model.Logits(model.Forward(Steps.Packed(Prompts, _layouts, _pictures), null)).ToArray<float>();
    }

    /// <summary>The most probable tokens of each prompt.</summary>
    public int[][] Greedy(QwenVlModel model, int tokens, CancellationToken cancellation)
    {
        using var run = new GreedyRun(model, Steps.Packed(Prompts, _layouts, _pictures), _layouts, tokens, cancellation);
        return [.. run.Generate(tokens, [], penalty: 1, Prompts).Select(answer => answer.Ids.ToArray())];
    }

    /// <summary>The scores after the last token of the prompt and after each token of a given answer but its last: V numbers for each token of the answer.</summary>
    public float[] AnswerLogits(QwenVlModel model, int prompt, int[] answer)
    {
        using var scope = TensorScope.Open();
        var first = _layouts.Take(prompt).Sum(layout => layout.Pictures.Count);
        var own = _pictures.Skip(first).Take(_layouts[prompt].Pictures.Count).ToList();
        int[] ids = [.. Prompts[prompt], .. answer[..^1]];
        var layout = model.Lay(ids, [.. own.Select(picture => picture.Grid)]);
        var states = model.Forward(Steps.Packed([ids], [layout], own), null);
        return model.Logits(Op.Slice(states, 0, Prompts[prompt].Length - 1, answer.Length)).ToArray<float>();
    }

    public void Dispose()
    {
        foreach (var picture in _pictures) picture.Dispose();
    }
}
