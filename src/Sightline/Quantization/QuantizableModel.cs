using Sightline.Checkpoints;
using Sightline.Grounding;
using Sightline.Models.Fusion;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors.Autograd;
using Sightline.Text;
using Sightline.Verification;
using Checkpoint = Sightline.Checkpoints.Checkpoint;

namespace Sightline.Quantization;

/// <summary>A folder of either kind of model with its full weights, and the way to run it on calibration inputs.</summary>
internal sealed class QuantizableModel : IDisposable
{
    private readonly HuggingFaceFolder _folder;
    private readonly Action<string, IReadOnlyList<string>, CancellationToken> _run;
    private readonly IDisposable _model;

    private QuantizableModel(HuggingFaceFolder folder, Checkpoint checkpoint, ParameterStore parameters, IDisposable model, Action<string, IReadOnlyList<string>, CancellationToken> run) =>
        (_folder, Checkpoint, Parameters, _model, _run) = (folder, checkpoint, parameters, model, run);

    public HuggingFaceFolder Folder => _folder;

    /// <summary>The weights under the names of the model.</summary>
    public Checkpoint Checkpoint { get; }

    public ParameterStore Parameters { get; }

    /// <exception cref="SightlineException">BadModel: another architecture, quantized already, or weights that do not fit or are not finite.</exception>
    public static QuantizableModel Open(string path, CancellationToken cancellation = default)
    {
        var folder = HuggingFaceFolder.Open(path);
        try
        {
            if (folder.ReadQuantization() is not null)
                throw new SightlineException(ErrorKind.BadModel, $"{path} is quantized already: start from the folder that it was made from.");
            if (folder.ModelType == FusionConfig.ModelType) return OpenFusion(folder, cancellation);
            if (QwenVlConfig.ModelTypes.Contains(folder.ModelType)) return OpenQwen(folder, cancellation);
            throw new SightlineException(ErrorKind.BadModel, $"{path} holds a model of type '{folder.ModelType}', which cannot be quantized: known are '{FusionConfig.ModelType}', '{string.Join("', '", QwenVlConfig.ModelTypes)}'.");
        }
        catch
        {
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Runs the model on calibration inputs, while <see cref="ParameterStore.LinearInputs"/> listens.</summary>
    public void Run(string calibration, IReadOnlyList<string> phrases, CancellationToken cancellation)
    {
        using var inference = Tape.NoGrad();
        _run(calibration, phrases, cancellation);
    }

    public void Dispose()
    {
        _model.Dispose();
        Checkpoint.Dispose();
        _folder.Dispose();
    }

    private static QuantizableModel OpenQwen(HuggingFaceFolder folder, CancellationToken cancellation)
    {
        var loaded = QwenVlModel.Load(folder.Path, checkFinite: true, cancellation: cancellation);
        return new QuantizableModel(folder, folder.OpenCheckpoint(QwenVlModel.Rename), loaded.Parameters, loaded, (path, _, stop) =>
        {
            var reference = ReferenceFolder.Open(path);
            foreach (var name in reference.Cases)
            {
                using var stored = reference.OpenCase(name);
                using var inputs = CaseInputs.Encode(loaded.Model, reference, stored, stop);
                inputs.Logits(loaded.Model);
            }
        });
    }

    private static QuantizableModel OpenFusion(HuggingFaceFolder folder, CancellationToken cancellation)
    {
        var config = FusionFolder.ReadConfig(folder);
        var checkpoint = folder.OpenCheckpoint();
        var parameters = ParameterStore.From(new CheckpointParameters(checkpoint));
        try
        {
            var model = new FusionModel(config, parameters);
            checkpoint.Fit(parameters.Wanted, checkFinite: true, cancellation).ThrowIfUnusable();
            return new QuantizableModel(folder, checkpoint, parameters, model, (path, phrases, stop) =>
            {
                using var grounding = new FusionGroundingModel(model, new FusionProcessor(config, Tokenizer.Load(folder.Path)), ownsModel: false);
                foreach (var picture in PictureFolder.Load(path)) grounding.Ground(picture, phrases, GroundingOptions.ForEvaluation, stop);
            });
        }
        catch
        {
            parameters.Dispose();
            checkpoint.Dispose();
            throw;
        }
    }
}
