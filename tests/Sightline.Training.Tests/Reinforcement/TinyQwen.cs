using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Testing;
using Sightline.Training.Reinforcement;

namespace Sightline.Training.Tests.Reinforcement;

/// <summary>The tiny models and their stored batches.</summary>
internal static class TinyQwen
{
    private static readonly FixtureTensors s_pixels = new("qwen", "model_goldens", "pixel_values.safetensors");

    public static PicturePatches Picture(string name)
    {
        var grid = s_pixels.Longs($"{name}.image_grid_thw");
        return new PicturePatches(s_pixels.Floats($"{name}.pixel_values"), new PictureGrid((int)grid[0], (int)grid[1], (int)grid[2]));
    }

    public static string Folder(string model) => Fixtures.Path("models", model);

    /// <summary>The conversations of <c>sft/NAME.inputs.safetensors</c>, padding left out; the first shows picture a, the second c.</summary>
    public static SupervisedSample[] Samples(QwenVlModel model, string folder, string name, bool trainsVision)
    {
        var tensors = new FixtureTensors("qwen", "training", folder, "sft", $"{name}.inputs.safetensors");
        var (rows, columns) = (tensors.Shape("input_ids")[0], tensors.Shape("input_ids")[1]);
        return [.. Enumerable.Range(0, rows).Select(row =>
        {
            var length = tensors.Longs("attention_mask").Skip(row * columns).Take(columns).Count(v => v == 1);
            int[] ids = [.. tensors.Longs("input_ids").Skip(row * columns).Take(length).Select(id => (int)id)];
            long[] labels = [.. tensors.Longs("labels").Skip(row * columns).Take(length)];
            var picture = Picture(row == 0 ? "a" : "c");
            var layout = model.Lay(ids, [picture.Grid]);
            return new SupervisedSample(ids, layout, [PictureEncoding.Encode(model, picture, trainsVision)], [Answer(labels)]);
        })];
    }

    public static void CheckGradients(FixtureTensors expected, IEnumerable<Parameter> parameters, Func<string, string> nameOf)
    {
        var byName = parameters.ToDictionary(parameter => nameOf(parameter.Path), parameter => parameter.Value.Grad);
        foreach (var name in expected.Names)
        {
            Assert.True(byName.TryGetValue(name, out var gradient) && gradient is not null, $"{name} has no gradient");
            var (stored, actual) = (expected.Doubles(name), gradient.ToArray<float>());
            Assert.Equal(stored.Length, actual.Length);
            var allowed = (1e-4 * stored.Max(Math.Abs)) + 1e-7;
            var worst = stored.Zip(actual, (a, b) => Math.Abs(a - b)).Max();
            Assert.True(worst <= allowed, $"{name}: differs by {worst:g3}, allowed are {allowed:g3}");
        }
    }

    /// <summary>After steps: 2e-5 for 99.9 % of the entries and 1e-3 for the rest.</summary>
    public static void CheckValues(FixtureTensors expected, IEnumerable<Parameter> parameters, Func<string, string> nameOf)
    {
        var byName = parameters.ToDictionary(parameter => nameOf(parameter.Path), parameter => parameter.Value);
        long count = 0, off = 0;
        foreach (var name in expected.Names)
        {
            var (stored, actual) = (expected.Doubles(name), byName[name].ToArray<float>());
            for (var i = 0; i < stored.Length; i++)
            {
                var difference = Math.Abs(stored[i] - actual[i]);
                Assert.True(difference <= 1e-3, $"{name}[{i}] differs by {difference:g3}");
                if (difference > 2e-5) off++;
            }

            count += stored.Length;
        }

        Assert.True(off <= count / 1000, $"{off} of {count} entries differ by more than 2e-5");
    }

    private static Range Answer(long[] labels)
    {
        var start = Array.FindIndex(labels, label => label != -100);
        Assert.All(labels[start..], label => Assert.NotEqual(-100, label));
        return start..labels.Length;
    }
}
