using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors.Memory;
using Sightline.Testing;

namespace Sightline.Tests.Models.QwenVl;

/// <summary>What a model takes and gives back.</summary>
[Collection(Alone.Name)]
public sealed class QwenVlMemoryTests : TensorTest
{
    [Fact]
    public void Stored_matrices_stay_in_the_mapped_file_and_everything_is_given_back()
    {
        var before = NativePool.Shared.LiveBytes;
        using (var loaded = QwenVlModel.Load(Fixtures.Path("models", "tiny-qwen2_5-vl-bf16-sharded")))
        {
            var vectors = loaded.Parameters.All.Where(parameter => parameter.Value.Shape.Rank == 1).ToList();
            Assert.InRange(NativePool.Shared.LiveBytes - before, vectors.Sum(parameter => parameter.Value.Bytes), vectors.Count * 1024);
            using var features = loaded.Model.Encode(new PicturePatches(new float[24 * 1176], new PictureGrid(1, 4, 6)));
            Assert.Equal((6, 64), (features.Count, features.Embeddings.Shape[1]));
        }

        Assert.Equal(before, NativePool.Shared.LiveBytes);
    }
}
