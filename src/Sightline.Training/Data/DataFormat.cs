namespace Sightline.Training.Data;

/// <summary>The annotation formats that can be read and written; docs/guide/formats.md describes each.</summary>
public enum DataFormat
{
    /// <summary>Sightline's own JSON lines: picture, phrase, boxes with their frame.</summary>
    Sightline,

    /// <summary>COCO detection JSON.</summary>
    Coco,

    /// <summary>LVIS v1 JSON: COCO with absent and incomplete classes.</summary>
    Lvis,

    /// <summary>Pascal VOC: one XML a picture.</summary>
    Voc,

    /// <summary>YOLO: one text file a picture, and classes.txt or data.yaml.</summary>
    Yolo,

    /// <summary>RefCOCO-style JSON list: a picture, an expression, a box or null.</summary>
    RefCoco,

    /// <summary>Flickr30k Entities: sentences with [/EN#...] brackets, and one XML a picture.</summary>
    Flickr30k,

    /// <summary>ODVG JSON lines (Grounding DINO): detection or grounding records.</summary>
    Odvg,

    /// <summary>LISA's reasoning segmentation: one JSON with questions and polygons a picture, beside it.</summary>
    Lisa,

    /// <summary>Pictures in folders that are named as their class.</summary>
    Folders,

    /// <summary>Visual-RFT's problems: JSON with picture, problem and solution, or Parquet as on the hub.</summary>
    VisualRft,

    /// <summary>VLM-R1's problems: JSON lines with one or several pictures and a conversation.</summary>
    VlmR1,

    /// <summary>Conversations as LLaMA-Factory takes them (ShareGPT, OpenAI or Alpaca).</summary>
    ShareGpt,

    /// <summary>Sightline's own problems, one a line.</summary>
    Problems,
}
