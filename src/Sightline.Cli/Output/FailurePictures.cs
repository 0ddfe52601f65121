using System.Globalization;
using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Imaging.Drawing;
using Sightline.Training.Data;
using Sightline.Training.Evaluation;

namespace Sightline.Cli.Output;

/// <summary>The pictures that a model does worst on, for people to look at: what it missed dashed, what it found wrongly and rightly with its score, each in a colour of its own.</summary>
internal static class FailurePictures
{
    private const int SmallestSide = 640;
    private static readonly PixelColor s_missed = new(255, 213, 0);
    private static readonly PixelColor s_wrong = new(255, 82, 82);
    private static readonly PixelColor s_right = new(118, 255, 3);

    /// <summary>Writes 01-NAME.jpg and so on, the worst first, and returns the paths; none where nothing went wrong.</summary>
    /// <param name="folder">Made if missing.</param>
    /// <param name="data">The set; its samples are in the order of the pictures of <paramref name="run"/>.</param>
    /// <param name="run">What was there and what was found.</param>
    /// <param name="count">Most pictures.</param>
    public static IReadOnlyList<string> Write(string folder, DataSet data, DetectionRun run, int count)
    {
        PictureFailures[] worst = [.. PictureFailures.Worst(run.Truth, run.Detections).Take(count)];
        var names = run.Truth.Categories.ToDictionary(category => category.Id, category => category.Name);
        return worst.Length == 0 ? [] : AtomicFolder.Write(folder, temporary =>
        {
            for (var i = 0; i < worst.Length; i++)
            {
                var sample = data.Samples[worst[i].Image];
                var name = string.Create(CultureInfo.InvariantCulture, $"{i + 1:00}-{Path.GetFileNameWithoutExtension(sample.PictureFile)}.jpg");
                Draw(Picture.Decode(data.ReadPictureBytes(sample), name: sample.PictureFile), worst[i], names).Save(Path.Combine(temporary, name));
            }
        });
    }

    private static Picture Draw(Picture picture, PictureFailures failures, Dictionary<int, string> names)
    {
        Box At(double x, double y, double width, double height) => new Box(x, y, x + width, y + height, picture.Frame).To(CoordinateFrame.Unit);
        Annotation Of(CocoDetection found, string label, PixelColor color) => new(At(found.X, found.Y, found.Width, found.Height), label, found.Score) { Color = color };
        Annotation[] annotations =
        [
            .. failures.Right.Select(found => Of(found, names[found.CategoryId], s_right)),
            .. failures.Missed.Select(item => new Annotation(At(item.X, item.Y, item.Width, item.Height), $"missed: {names[item.CategoryId]}") { Color = s_missed, Dashed = true }),
            .. failures.Wrong.Select(found => Of(found, $"wrong: {names[found.CategoryId]}", s_wrong)),
        ];
        var factor = (int)Math.Ceiling((double)SmallestSide / Math.Max(picture.Width, picture.Height));
        return (factor > 1 ? picture.ResizeTo(picture.Width * factor, picture.Height * factor, ResizeFilter.Bilinear) : picture).Draw(annotations);
    }
}
