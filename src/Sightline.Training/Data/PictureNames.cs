namespace Sightline.Training.Data;

/// <summary>Finds the pictures that a file names: in the given folder, beside the file, in its <c>images</c>, or one folder up.</summary>
internal sealed class PictureNames
{
    private readonly string[] _folders;
    private readonly string _file;

    public PictureNames(string file, string? pictures)
    {
        _file = file;
        var here = Path.GetDirectoryName(Path.GetFullPath(file))!;
        _folders = pictures is not null ? [pictures] : [here, Path.Combine(here, "images"), Path.GetDirectoryName(here) ?? here];
    }

    /// <summary>A picture by its name; where there is none, the first place is named when it is read.</summary>
    /// <exception cref="SightlineException">BadData: it is no name of a file.</exception>
    public ProblemPicture File(string name)
    {
        if (string.IsNullOrWhiteSpace(name) || name.Contains('\0', StringComparison.Ordinal)) throw DataFile.Bad(_file, $"'{name.Replace('\0', '?')}' is no name of a picture");
        foreach (var folder in _folders)
        {
            var path = Path.Combine(folder, name);
            if (System.IO.File.Exists(path)) return ProblemPicture.FromFile(path);
        }

        return ProblemPicture.FromFile(Path.Combine(_folders[0], name));
    }
}
