using Sightline.Geometry;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Imaging.Drawing;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Grounding;

namespace Sightline.Training.Reporting;

/// <summary>Draws what a model says about validation samples, beside their labels.</summary>
public static class ValidationPictures
{
    private const int PhrasesShown = 4;
    private const int SmallestSide = 480;

    /// <summary>Evenly spaced samples of every source: solid boxes are the model's, dashed ones the labels; a colour a phrase.</summary>
    /// <param name="model">The model.</param>
    /// <param name="processor">Its preprocessor.</param>
    /// <param name="sources">Validation sources.</param>
    /// <param name="perSource">Pictures of each.</param>
    public static IReadOnlyList<ReportPicture> Draw(FusionModel model, FusionProcessor processor, IReadOnlyList<ISampleSource> sources, int perSource = 6)
    {
        ArgumentNullException.ThrowIfNull(sources);
        var pictures = new List<ReportPicture>();
        foreach (var source in sources)
        {
            var total = source.Count ?? perSource;
            var count = Math.Min(perSource, total);
            for (var i = 0; i < count; i++) pictures.Add(Draw(model, processor, source.Get((long)i * total / count)));
        }

        return pictures;
    }

    private static ReportPicture Draw(FusionModel model, FusionProcessor processor, TrainingSample sample)
    {
        using var scope = TensorScope.Open();
        using var noGrad = Tape.NoGrad();
        var output = model.Forward(processor.ToTensor([sample.Canvas]), processor.ToTensors([sample.Phrases]));
        var answers = FusionAnswers.Read(output, 0, sample.Canvas, sample.Phrases, new GroundingOptions()).ToArray();
        var shown = Shown(sample);
        var annotations = new List<Annotation>();
        var captions = new List<string>();
        foreach (var p in shown)
        {
            // labels first: the model's boxes lie over them
            foreach (var o in sample.Targets[p])
            {
                var target = sample.Objects[o];
                annotations.Add(new Annotation(new Box(target.X1, target.Y1, target.X2, target.Y2, CoordinateFrame.Unit), sample.Phrases[p]) { Dashed = true });
            }

            foreach (var found in answers[p].Detections)
                annotations.Add(new Annotation(sample.Canvas.Placement.Forward(found.Box).To(CoordinateFrame.Unit), sample.Phrases[p], found.Score));
            captions.Add($"{sample.Phrases[p]}: {answers[p].Detections.Count} of {sample.Targets[p].Length}");
        }

        var canvas = Enlarged(Cropped(sample.Canvas, ref annotations));
        return new ReportPicture(sample.Name, string.Join("; ", captions), canvas.Draw(annotations, new DrawingStyle { Labels = annotations.Count <= 12 }).Encode(PictureFormat.Jpeg, 85));
    }

    /// <summary>Phrases that mean something before those that mean nothing.</summary>
    private static int[] Shown(TrainingSample sample) =>
        [.. Enumerable.Range(0, sample.Phrases.Length).OrderBy(p => sample.Targets[p].Length == 0).ThenBy(p => p).Take(PhrasesShown)];

    /// <summary>The part of the canvas that the picture covers.</summary>
    private static Picture Cropped(CanvasPicture canvas, ref List<Annotation> annotations)
    {
        var whole = canvas.FromSource(new Box(0, 0, 1, 1, CoordinateFrame.Unit));
        annotations = [.. annotations.Select(annotation => annotation with
        {
            Box = new Box(
                (annotation.Box.X1 - whole.X1) / whole.Width, (annotation.Box.Y1 - whole.Y1) / whole.Height,
                (annotation.Box.X2 - whole.X1) / whole.Width, (annotation.Box.Y2 - whole.Y1) / whole.Height, CoordinateFrame.Unit).Clip(),
        })];
        return canvas.Canvas.Crop(whole.To(canvas.Canvas.Frame));
    }

    private static Picture Enlarged(Picture picture)
    {
        var factor = (int)Math.Ceiling((double)SmallestSide / Math.Max(picture.Width, picture.Height));
        return factor <= 1 ? picture : picture.ResizeTo(picture.Width * factor, picture.Height * factor, ResizeFilter.Bilinear);
    }
}
