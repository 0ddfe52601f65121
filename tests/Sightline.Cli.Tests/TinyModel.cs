using Sightline.Imaging;
using Sightline.Models.Fusion;
using Sightline.Nn;

namespace Sightline.Cli.Tests;

/// <summary>A folder with an untrained model of the real architecture in miniature, a picture, and room for results.</summary>
public sealed class TinyModel : IDisposable
{
    private static readonly string[] Vocabulary =
    [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "cell", "##s", "red", "white", "blood", "blue", "green", "square", "circle", "triangle", "left", "right", "of",
        "largest", "smallest", "star", "ring", "cross", "above", "below", "all", "two",
    ];

    public TinyModel()
    {
        Folder = Directory.CreateTempSubdirectory("sightline-").FullName;
        Model = Path.Combine(Folder, "model");
        Directory.CreateDirectory(Model);
        File.WriteAllLines(Path.Combine(Model, "vocab.txt"), Vocabulary);
        var config = FusionConfig.Nano with
        {
            ImageSize = 64,
            StemChannels = [4, 4, 8],
            LocalLayers = 1,
            HiddenSize = 16,
            NumAttentionHeads = 2,
            ImageLayers = 1,
            TextLayers = 1,
            FusionLayers = 1,
            PhraseLayers = 1,
            VocabSize = Vocabulary.Length,
            WordEmbeddingSize = 8,
            HeadChannels = 8,
            ProjectionSize = 8,
        };
        using (var parameters = ParameterStore.Initialize(5))
        {
            using var model = new FusionModel(config, parameters);
            FusionFolder.Save(Model, model, Model);
        }

        Photo = Path.Combine(Folder, "photo.png");
        var rgb = new byte[80 * 60 * 3];
        for (var i = 0; i < rgb.Length; i++) rgb[i] = (byte)(i * 31 % 251);
        new Picture(80, 60, rgb).Save(Photo);
    }

    public string Folder { get; }

    public string Model { get; }

    public string Photo { get; }

    public string At(params string[] parts) => Path.Combine([Folder, .. parts]);

    public void Dispose() => Directory.Delete(Folder, recursive: true);
}
