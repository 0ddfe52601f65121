using Sightline.Checkpoints;
using Sightline.Imaging;
using Sightline.Models.QwenVl;
using Sightline.Tensors;

namespace Sightline.Verification;

/// <summary>
/// What comes before the network, by the code that serves and trains: messages to the prompt's text by the model's own template, text and
/// pictures to token ids, pictures to patches.
/// </summary>
internal sealed class PromptRun(ReferenceFolder reference, ReferenceCase stored, QwenVlProcessor processor)
{
    public IEnumerable<TensorDifference> Compare()
    {
        QwenPicture[] pictures = [.. stored.Images.Select(reference.PictureOf).TakeWhile(path => path is not null).Select(path => processor.Images.Fit(Picture.Load(path!)))];
        foreach (var difference in ComparePatches(pictures)) yield return difference;
        var (first, prompts) = (0, stored.Prompts());
        for (var b = 0; b < stored.Conversations.Count && b < prompts.Length; b++)
        {
            var text = processor.Template.Render(stored.Conversations[b]);
            if (b < stored.PromptTexts.Count) yield return Equal("prompt_text", [.. stored.PromptTexts[b].Select(c => (double)c)], [.. text.Select(c => (double)c)]);
            var count = text.Split(QwenVlProcessor.ImageToken).Length - 1;
            if (first + count > pictures.Length) continue; // the reference came without its pictures
            var prompt = processor.Assemble(text, pictures[first..(first + count)]);
            first += count;
            yield return Equal("input_ids", [.. prompts[b].Ids.Select(id => (double)id)], [.. prompt.Ids.Select(id => (double)id)]);
        }
    }

    private IEnumerable<TensorDifference> ComparePatches(QwenPicture[] pictures)
    {
        if (pictures.Length == 0) yield break;
        using var pixels = reference.OpenPixels();
        for (var i = 0; i < pictures.Length; i++)
        {
            double[] expected = [.. Values(pixels, $"{stored.Images[i]}.pixel_values")];
            yield return Equal("pixel_values", expected, [.. processor.Images.ToPatches(pictures[i]).Values.ToArray().Select(value => (double)value)]);
        }
    }

    private static IEnumerable<double> Values(SafetensorsFile file, string name)
    {
        using var scope = TensorScope.Open();
        return file.Load(name, DType.Float32).ToArray<float>().Select(value => (double)value);
    }

    private TensorDifference Equal(string name, double[] expected, double[] ours) => TensorDifference.Of(stored.Name, name, expected, ours, Tolerance.Exact);
}
