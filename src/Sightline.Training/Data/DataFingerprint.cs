using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Sightline.Geometry;

namespace Sightline.Training.Data;

/// <summary>
/// A hash of everything that annotations or problems say, by which a run that goes on knows its data again: not of pixels, and not of the folders that pictures
/// lie in, so that a set that was moved is the same.
/// </summary>
internal sealed class DataFingerprint : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <summary>Of problems in their order.</summary>
    public static string Of(IEnumerable<Problem> problems)
    {
        using var hash = new DataFingerprint();
        foreach (var problem in problems)
        {
            hash.Add(problem.Id, problem.Split, problem.System, problem.Prompt, problem.Solution, problem.Answer, problem.Label, problem.Subject, problem.Frame?.ToString());
            hash.Add([.. problem.Synonyms]);
            hash.Add([.. problem.Earlier.Select(turn => turn.Text)]);
            hash.Add([.. problem.Pictures.Select(picture => picture.Name)]);
            hash.Add(problem.Boxes);
            foreach (var point in problem.Points ?? []) hash.Add(Text(point));
        }

        return hash.ToString();
    }

    /// <summary>Of labelled pictures in their order, and of the words that they are asked with.</summary>
    public static string Of(DataSet data, IEnumerable<string> words)
    {
        using var hash = new DataFingerprint();
        hash.Add([.. words]);
        foreach (var sample in data.Samples)
        {
            hash.Add(Path.GetFileName(sample.PictureFile), sample.Split, sample.Label);
            hash.Add(sample.Objects);
            foreach (var phrase in sample.Phrases) hash.Add([phrase.Text, phrase.IsGrounded ? "" : null, .. phrase.Boxes.Select(Text)]);
            hash.Add([.. sample.AbsentLabels ?? []]);
            hash.Add([.. sample.IncompleteLabels ?? []]);
        }

        return hash.ToString();
    }

    /// <inheritdoc/>
    public override string ToString() => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <inheritdoc/>
    public void Dispose() => _hash.Dispose();

    private void Add(IReadOnlyList<LabelledBox>? boxes)
    {
        if (boxes is null) Add((string?)null);
        foreach (var box in boxes ?? []) Add(box.Label, Text(box.Box), box.Crowd || box.Difficult ? "unsure" : "", box.Segmentation);
    }

    // lengths keep neighbours apart, and nothing from an empty text
    private void Add(params ReadOnlySpan<string?> texts)
    {
        foreach (var text in texts) _hash.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{text?.Length ?? -1}:{text}")));
        _hash.AppendData("\n"u8);
    }

    private static string Text(Box box) => string.Create(CultureInfo.InvariantCulture, $"{box.X1:R} {box.Y1:R} {box.X2:R} {box.Y2:R} {box.Frame.Width:R} {box.Frame.Height:R}");
}

/// <summary>A source whose data lies in files, which can change between a run and its going on.</summary>
internal interface IFingerprinted
{
    /// <summary>What tells this data from other data; null where the recipe alone decides it.</summary>
    string? Fingerprint { get; }

    /// <summary>Boxes that reach out of their pictures.</summary>
    int BoxesOutside { get; }
}
