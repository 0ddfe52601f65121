using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Text;

namespace Sightline.Tests.Grounding;

/// <summary>A model that says what it was told to, with the prompts and the picture encoder of a real one. One request at a time.</summary>
internal sealed class DictatedModel(ILanguageModel inner, ITokenizer tokenizer, int stop) : ILanguageModel
{
    private readonly List<int> _answer = [];
    private int _next;

    public LanguageModelSizes Sizes => inner.Sizes;

    /// <summary>The prompt of the last request.</summary>
    public int[] Prompt { get; private set; } = [];

    public void Say(string text)
    {
        _answer.Clear();
        tokenizer.Encode(text, _answer, addSpecialTokens: false);
        _answer.Add(stop);
        _next = 0;
    }

    public PromptLayout Lay(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> pictures)
    {
        Prompt = ids.ToArray();
        return inner.Lay(ids, pictures);
    }

    public PictureFeatures Encode(PicturePatches picture, CancellationToken cancellation = default) => inner.Encode(picture, cancellation);

    public Tensor Forward(LanguageModelInput input, KeyValueCache? cache) => Tensor.Zeros([input.Ids.Length, Sizes.Channels]);

    public Tensor Logits(Tensor states)
    {
        var scores = new float[Sizes.VocabularySize];
        scores[_answer[Math.Min(_next++, _answer.Count - 1)]] = 20;
        return Tensor.From(scores, [1, scores.Length]);
    }
}
