namespace Sightline.Training.Data;

/// <summary>Problems by number. The same number always gives the same problem, on whichever thread, so that a run resumes by remembering one number.</summary>
public interface IProblemSource
{
    /// <summary>How the source is called.</summary>
    string Name { get; }

    /// <summary>How many.</summary>
    int Count { get; }

    /// <summary>Problem <paramref name="index"/>, from 0.</summary>
    Problem Get(int index);

    /// <summary>The problem of an id; null where there is none.</summary>
    Problem? Find(string id) => Enumerable.Range(0, Count).Select(Get).FirstOrDefault(problem => problem.Id == id);
}

/// <summary>Problems in memory (their pictures are read when they are needed).</summary>
/// <param name="Name">How the set is called.</param>
/// <param name="Problems">At least one.</param>
public sealed record ProblemSet(string Name, IReadOnlyList<Problem> Problems) : IProblemSource, IFingerprinted
{
    /// <inheritdoc/>
    public int Count => Problems.Count;

    /// <inheritdoc/>
    public Problem Get(int index) => Problems[index];

    string? IFingerprinted.Fingerprint => DataFingerprint.Of(Problems);

    int IFingerprinted.BoxesOutside => DataLint.CountOutside(Problems);

    /// <summary>Opens problems in any readable format; pictures are looked for relative to the file.</summary>
    /// <param name="path">The file or folder.</param>
    /// <param name="split">Only the problems of this split.</param>
    /// <exception cref="SightlineException">NotFound or BadData with the place; BadData: nothing is left.</exception>
    public static IProblemSource Open(string path, string? split = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (!File.Exists(path) && !Directory.Exists(path)) throw new SightlineException(ErrorKind.NotFound, $"there are no problems at {path}");
        var problems = ProblemFormats.Read(path).Where(problem => split is null || problem.Split == split).ToList();
        if (problems.Count == 0) throw DataFile.Bad(path, split is null ? "no problem" : $"no problem of the split '{split}'");
        return new ProblemSet(Path.GetFileNameWithoutExtension(path), problems);
    }
}
