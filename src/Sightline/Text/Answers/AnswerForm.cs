namespace Sightline.Text.Answers;

/// <summary>The published ways of writing boxes and points.</summary>
public enum AnswerForm
{
    /// <summary>
    /// Qwen2-VL: <c>&lt;|object_ref_start|>cup&lt;|object_ref_end|>&lt;|box_start|>(x1,y1),(x2,y2)&lt;|box_end|></c>.
    /// </summary>
    BoxTokens,

    /// <summary>Qwen2.5-VL and Qwen3-VL: <c>[{"bbox_2d": [x1, y1, x2, y2], "label": "cup"}]</c> in a fence of <c>```json</c>; points have <c>point_2d</c>.</summary>
    Json,

    /// <summary>Visual-RFT's detection: <c>[{'Position': [x1, y1, x2, y2], 'Confidence': 0.9}]</c>, or <c>No Objects</c>.</summary>
    Positions,

    /// <summary>Visual-RFT's reasoning grounding: <c>(x1,y1),(x2,y2)</c>.</summary>
    Pairs,
}
