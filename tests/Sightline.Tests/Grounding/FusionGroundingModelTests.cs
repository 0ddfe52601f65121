using Sightline.Grounding;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Testing;
using Sightline.Tests.Models;

namespace Sightline.Tests.Grounding;

[Collection(Alone.Name)]
public sealed class FusionGroundingModelTests : TensorTest
{
    [Fact]
    public void A_known_phrase_is_not_read_again_until_it_is_forgotten()
    {
        using var grounding = new FusionGroundingModel(TinyFusion.Model(), TinyFusion.Processor());
        using var scope = TensorScope.Open();
        using var off = Tape.NoGrad();
        grounding.Ground(TinyFusion.Picture(), ["red star", "ring"], new GroundingOptions(), CancellationToken.None);
        var words = grounding.EncodePhrase("red star");
        grounding.Ground(TinyFusion.Picture(seed: 1), ["red star"], new GroundingOptions(), CancellationToken.None);
        Assert.Same(words, grounding.EncodePhrase("red star"));
        Assert.False(words.IsDisposed);
        grounding.ForgetPhrases();
        Assert.True(words.IsDisposed);
        Assert.NotSame(words, grounding.EncodePhrase("red star"));
    }

    [Fact]
    public void Phrases_without_end_do_not_fill_the_memory()
    {
        using var grounding = new FusionGroundingModel(TinyFusion.Model(), TinyFusion.Processor());
        var options = new GroundingOptions { PhrasesTogether = 64 };
        long largest = 0;
        for (var round = 0; round < 5; round++)
        {
            grounding.Ground(TinyFusion.Picture(), [.. Enumerable.Range(0, 500).Select(i => $"star {round} {i}")], options, CancellationToken.None);
            var live = Tensors.Memory.NativePool.Shared.LiveBytes;
            if (round < 2) largest = Math.Max(largest, live);
            else Assert.True(live <= 1.1 * largest, $"{live} bytes after {round + 1} rounds, {largest} after two");
        }
    }
}
