using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>One picture of a data set with what is said of it. Pixels are read on demand.</summary>
/// <param name="Id">A name that is unique in its data set: the picture's file name, or the file's own id.</param>
/// <param name="PictureFile">The picture as the annotation file names it, relative to <see cref="DataSet.PictureFolder"/>.</param>
/// <param name="Width">Pixels across as the file states; 0 when it does not.</param>
/// <param name="Height">Pixels down as the file states; 0 when it does not.</param>
public sealed record DataSample(string Id, string PictureFile, int Width, int Height)
{
    /// <summary>Labelled objects.</summary>
    public IReadOnlyList<LabelledBox> Objects { get; init; } = [];

    /// <summary>Phrases with boxes.</summary>
    public IReadOnlyList<DataPhrase> Phrases { get; init; } = [];

    /// <summary>Whole sentences about the picture.</summary>
    public IReadOnlyList<string> Captions { get; init; } = [];

    /// <summary>The class of the picture as a whole, for classification; null where nothing is said.</summary>
    public string? Label { get; init; }

    /// <summary>"train", "val", ... or null.</summary>
    public string? Split { get; init; }

    /// <summary>The file's own number for the picture, or null.</summary>
    public long? Number { get; init; }

    /// <summary>The encoded picture when it does not lie in a file.</summary>
    public ReadOnlyMemory<byte>? PictureBytes { get; init; }

    /// <summary>Classes that are known to be absent (LVIS: neg_category_ids); null where nothing is said.</summary>
    public IReadOnlyList<string>? AbsentLabels { get; init; }

    /// <summary>Classes that are not labelled everywhere in this picture (LVIS: not_exhaustive_category_ids).</summary>
    public IReadOnlyList<string>? IncompleteLabels { get; init; }

    /// <summary>What else the file says of the picture; only the same format can write it back.</summary>
    public string? Extra { get; init; }

    /// <summary>The file (and line) that the sample was read from, for messages.</summary>
    public string? Source { get; init; }

    /// <summary>Pixels of the picture as the file states its size.</summary>
    /// <exception cref="SightlineException">BadData: the size is not stated.</exception>
    public CoordinateFrame Frame => Width > 0 && Height > 0
        ? CoordinateFrame.Pixels(Width, Height)
        : throw new SightlineException(ErrorKind.BadData, $"{Source ?? Id}: the size of the picture '{PictureFile}' is not stated and the picture was not found, so boxes cannot change their frame");
}
