namespace Sightline.Models.QwenVl;

/// <summary>The generations of Qwen-VL models, which differ in their vision tower and in details of the language model.</summary>
public enum QwenVlKind
{
    /// <summary><c>qwen2_vl</c> (Wang et al. 2024).</summary>
    Qwen2,

    /// <summary><c>qwen2_5_vl</c> (Bai et al. 2025): attention in windows, root-mean-square norms, gated feed-forward layers.</summary>
    Qwen25,

    /// <summary><c>qwen3_vl</c>, dense: learned positions, DeepStack, norms in the attention heads.</summary>
    Qwen3,
}
