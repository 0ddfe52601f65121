using Sightline.Geometry;
using Sightline.Training.Expressions;
using Sightline.Training.Recipes;

namespace Sightline.Training.Data;

/// <summary>Labelled pictures as problems: one for each picture and class of which it has one object (or a few, where the recipe allows it).</summary>
public sealed class PictureProblems : IProblemSource, IFingerprinted
{
    private readonly IReadOnlyList<(DataSample Sample, string Phrase, IReadOnlyList<Box> Boxes)> _asked;
    private readonly DataSet _data;
    private readonly PhraseProblems _asking;

    /// <summary>Reads the annotations; pictures are read when they are needed.</summary>
    /// <exception cref="SightlineException">As <see cref="DataSet.Open"/>; BadData: nothing to ask.</exception>
    public PictureProblems(string name, PictureProblemRecipe recipe, PhraseProblems asking)
    {
        ArgumentNullException.ThrowIfNull(recipe);
        ArgumentNullException.ThrowIfNull(asking);
        (Name, _asking) = (name, asking);
        _data = DataSet.Open(recipe.Path);
        if (recipe.HoldOutEvery > 0) _data = DataSplit.ByBlocks(_data, recipe.HoldOutBlock, recipe.HoldOutEvery).Where(recipe.HeldOutPart ? "val" : "train");
        if (recipe.Split is { } split) _data = _data.Where(split);
        if (recipe.Labels.FirstOrDefault(label => !_data.Classes.Contains(label)) is { } stray)
            throw new SightlineException(ErrorKind.BadRecipe, $"source '{name}': labels names '{stray}', which is no class of {recipe.Path}; it has {string.Join(", ", _data.Classes.Take(20))}");
        var names = recipe.Phrases is null ? ClassNames.Plain : ClassNames.LoadFor(_data, recipe.Phrases);
        var labels = recipe.Labels.Count > 0 ? recipe.Labels : _data.Classes;
        _asked = [.. _data.Samples.SelectMany(sample => labels.Select(label => (sample, names.PhraseOf(label), Boxes(sample, label)))).Where(one => one.Item3.Count > 0 && one.Item3.Count <= recipe.MostBoxes)];
        if (_asked.Count == 0) throw new SightlineException(ErrorKind.BadData, $"source '{name}': {recipe.Path} has no picture with 1 to {recipe.MostBoxes} objects of a class that is asked for");
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public int Count => _asked.Count;

    string? IFingerprinted.Fingerprint => DataFingerprint.Of(_data, _asked.Select(one => one.Phrase));

    int IFingerprinted.BoxesOutside => DataLint.CountOutside(_data);

    /// <inheritdoc/>
    public Problem? Find(string id)
    {
        for (var i = 0; i < _asked.Count; i++)
        {
            if (Id(_asked[i].Sample, _asked[i].Phrase) == id) return Get(i);
        }

        return null;
    }

    /// <inheritdoc/>
    public Problem Get(int index)
    {
        var (sample, phrase, boxes) = _asked[index];
        var picture = sample.PictureBytes is { } bytes ? ProblemPicture.FromBytes(sample.PictureFile, bytes) : ProblemPicture.FromFile(_data.ResolvePicture(sample) ?? Path.Combine(_data.PictureFolder, sample.PictureFile));
        var frame = boxes[0].Frame;
        return _asking.Make(Id(sample, phrase), picture, ((int)frame.Width, (int)frame.Height), (phrase, boxes)) with { Source = sample.Source };
    }

    private static string Id(DataSample sample, string phrase) => $"{sample.Id}: {phrase}";

    private static List<Box> Boxes(DataSample sample, string label)
    {
        if (sample.Objects.Any(item => item.Label == label && (item.Crowd || item.Difficult))) return [];
        return [.. sample.Objects.Where(item => item.Label == label).Select(item => (item.Box.Frame.IsUnspecified ? item.Box with { Frame = sample.Frame } : item.Box).Clip()).Where(box => !box.IsEmpty)];
    }
}
