namespace Sightline.Text;

/// <summary>One part of a template: a special token, or one of the two texts.</summary>
/// <param name="Source">0 for the first text, 1 for the second, -1 for a special token.</param>
/// <param name="Id">The special token's id.</param>
/// <param name="TypeId">The type id of this part.</param>
internal readonly record struct TemplatePart(int Source, int Id, int TypeId);

/// <summary>Where special tokens go around one text and around a pair.</summary>
internal sealed record SpecialTokenTemplate(TemplatePart[] Single, TemplatePart[] Pair)
{
    /// <summary>No special tokens; a pair is one text after the other.</summary>
    public static SpecialTokenTemplate None { get; } = new([new(0, 0, 0)], [new(0, 0, 0), new(1, 0, 1)]);

    /// <summary>[CLS] A [SEP], and [CLS] A [SEP] B [SEP] (BERT).</summary>
    public static SpecialTokenTemplate Bert(int classification, int separator) => new(
        [new(-1, classification, 0), new(0, 0, 0), new(-1, separator, 0)],
        [new(-1, classification, 0), new(0, 0, 0), new(-1, separator, 0), new(1, 0, 1), new(-1, separator, 1)]);

    /// <summary>[BOS] A [EOS], and [BOS] A [EOS] [EOS] B [EOS] (RoBERTa, CLIP).</summary>
    public static SpecialTokenTemplate Roberta(int begin, int end) => new(
        [new(-1, begin, 0), new(0, 0, 0), new(-1, end, 0)],
        [new(-1, begin, 0), new(0, 0, 0), new(-1, end, 0), new(-1, end, 0), new(1, 0, 0), new(-1, end, 0)]);
}
