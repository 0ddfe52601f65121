using Sightline.Geometry;
using Sightline.Text.Prompts;

namespace Sightline.Training.Data;

/// <summary>How problems are made from a labelled set.</summary>
public sealed record ProblemOptions
{
    /// <summary>What is asked; null: what the set has (labelled boxes: detection; phrases: phrase; labels of whole pictures: classification).</summary>
    public GroundingTask? Task { get; init; }

    /// <summary>The prompt template, a name or a file; null: Visual-RFT's for detection, reasoning and classification, and the model's own for a phrase.</summary>
    public string? Prompt { get; init; }

    /// <summary>What stands at other places of the template, as <c>subject</c> and <c>property</c> of visual-rft/classification.</summary>
    public IReadOnlyList<(string Place, string Value)> Values { get; init; } = [];

    /// <summary>The <c>model_type</c> that chooses among default templates.</summary>
    public string ModelType { get; init; } = "qwen2_vl";

    /// <summary>
    /// The coordinates that a model speaks by itself about a picture of this width and height; null leaves them open, for the
    /// trainer to fill in: boxes then stand typed in the problem and no solution is written. A template that demands a frame
    /// does not ask.
    /// </summary>
    public Func<int, int, CoordinateFrame>? OwnFrame { get; init; }

    /// <summary>Problems with a class that is not there ("No Objects"), as a share of those with one that is.</summary>
    public double Negatives { get; init; }

    /// <summary>Pictures a class; null for all.</summary>
    public int? Shots { get; init; }

    /// <summary>Of the negatives and the shots.</summary>
    public ulong Seed { get; init; }
}
