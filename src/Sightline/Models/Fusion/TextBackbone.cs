using Sightline.Models.Bert;
using Sightline.Models.Clip;
using Sightline.Models.Qwen2;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Models.Fusion;

/// <summary>
/// A published text encoder as the source of the words' features: hidden states projected to the shared space. The token that
/// sums up its phrase comes first in each phrase, as the rest of the model expects: BERT's first token is there
/// already, the last one of the causal CLIP and Qwen2, which alone has seen the whole phrase, is moved there.
/// </summary>
internal sealed class TextBackbone
{
    private readonly Func<PhraseTokens, Tensor> _backbone;
    private readonly bool _lastSumsUp;
    private readonly LayerNorm _norm;
    private readonly Linear _projection;

    /// <summary>Takes its parameters below <paramref name="scope"/>: <c>backbone</c>, <c>norm</c>, <c>projection</c>.</summary>
    public TextBackbone(ParameterScope scope, PublishedEncoder section, FusionConfig config)
    {
        _backbone = Make(section, scope / "backbone");
        _lastSumsUp = section.ModelType != BertConfig.ModelType;
        var channels = SizesOf(section, FusionConfig.TextEncoderKey).Channels;
        _norm = new LayerNorm(scope / "norm", channels);
        _projection = new Linear(scope / "projection", channels, config.HiddenSize);
    }

    /// <summary>Packed phrases to [T, C].</summary>
    public Tensor Forward(PhraseTokens phrases)
    {
        var x = _projection.Forward(_norm.Forward(_backbone(phrases)));
        return _lastSumsUp ? Op.IndexRows(x, LastFirst(phrases.Lengths)) : x;
    }

    /// <summary>What the rest of the model must know of an encoder; checks its configuration.</summary>
    /// <exception cref="SightlineException">BadModel: an unknown architecture or an unusable configuration.</exception>
    public static TextBackboneSizes SizesOf(PublishedEncoder section, string where)
    {
        switch (section.ModelType)
        {
            case BertConfig.ModelType:
                var bert = BertConfig.Read(section.Config, where);
                return new TextBackboneSizes(bert.VocabSize, bert.HiddenSize, bert.MaxPositionEmbeddings);
            case ClipTextConfig.ModelType:
                var clip = ClipTextConfig.Read(section.Config, where);
                return new TextBackboneSizes(clip.VocabSize, clip.HiddenSize, clip.MaxPositionEmbeddings);
            case "qwen2":
                var qwen = Qwen2Config.Read(section.Config, where);
                return new TextBackboneSizes(qwen.VocabSize, qwen.HiddenSize, qwen.MaxPositionEmbeddings);
            default:
                throw new SightlineException(ErrorKind.BadModel, $"{where}: '{section.ModelType}' is no text encoder that a fusion model can use; known are bert, clip_text_model and qwen2");
        }
    }

    private static Func<PhraseTokens, Tensor> Make(PublishedEncoder section, ParameterScope scope)
    {
        const string Where = FusionConfig.TextEncoderKey;
        switch (section.ModelType)
        {
            case BertConfig.ModelType:
                var bert = new BertModel(BertConfig.Read(section.Config, Where), scope, pooler: false);
                return phrases => bert.Forward(phrases.Ids, phrases.Places, null, AttentionLayout.Packed(phrases.Lengths));
            case ClipTextConfig.ModelType:
                var clip = new ClipTextModel(ClipTextConfig.Read(section.Config, Where), scope);
                return phrases => clip.Forward(phrases.Ids, phrases.Places, AttentionLayout.Packed(phrases.Lengths, causal: true));
            default:
                SizesOf(section, Where);
                var qwen = new Qwen2Model(Qwen2Config.Read(section.Config, Where), scope);
                return phrases => qwen.Forward(qwen.Embed(phrases.Ids), qwen.Angles(phrases.Places.ToArray<long>()), AttentionLayout.Packed(phrases.Lengths, causal: true));
        }
    }

    /// <summary>The rows of all tokens with the last of each phrase before the others, [T].</summary>
    private static Tensor LastFirst(int[] lengths)
    {
        var rows = new long[lengths.Sum()];
        for (int p = 0, start = 0; p < lengths.Length; start += lengths[p++])
        {
            rows[start] = start + lengths[p] - 1;
            for (var i = 1; i < lengths[p]; i++) rows[start + i] = start + i - 1;
        }

        return Tensor.From(rows, [rows.Length]);
    }
}

/// <summary>The sizes of a text encoder.</summary>
/// <param name="VocabSize">Rows of its token table.</param>
/// <param name="Channels">Channels of a token.</param>
/// <param name="MaxTokens">Longest text.</param>
internal sealed record TextBackboneSizes(int VocabSize, int Channels, int MaxTokens);
