using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;

namespace Sightline.Training.Reinforcement;

/// <summary>Pictures for a <see cref="TokenBatch"/>, through the model's own vision tower.</summary>
public static class PictureEncoding
{
    /// <summary>Image tokens of a picture. They live as long as the tensor scope around the call.</summary>
    /// <param name="model">The model.</param>
    /// <param name="picture">Its patches.</param>
    /// <param name="trains">Whether gradients are carried into the vision tower; else its inner results are freed at once.</param>
    public static PictureFeatures Encode(QwenVlModel model, PicturePatches picture, bool trains)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(picture);
        using var asSampled = RowIndependence.Require();
        using var off = trains ? null : Tape.NoGrad();
        var pixels = Tensor.From(picture.Values.Span, [picture.Grid.Patches, model.Config.Vision.PatchLength]);
        var (embeddings, levels) = model.Vision.Forward(pixels, [picture.Grid]);
        return new PictureFeatures(picture.Grid, embeddings, levels);
    }
}
