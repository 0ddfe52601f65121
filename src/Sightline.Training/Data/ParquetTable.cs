using DuckDB.NET.Data;

namespace Sightline.Training.Data;

/// <summary>One picture cell of a Parquet file, as Hugging Face's datasets store it: a struct of bytes and path.</summary>
/// <param name="Bytes">The encoded picture, or null where only a path is stored.</param>
/// <param name="Path">The file that it came from, or null.</param>
internal sealed record ParquetPicture(byte[]? Bytes, string? Path);

/// <summary>Rows of Parquet files, read through DuckDB (docs/decisions/0009).</summary>
internal static class ParquetTable
{
    /// <summary>The files of a table: the file itself, or those of a folder or of its <c>data</c>, as a repository of the hub has them.</summary>
    public static IReadOnlyList<string> FilesAt(string path)
    {
        if (File.Exists(path)) return [path];
        if (!Directory.Exists(path)) return [];
        foreach (var place in new[] { path, Path.Combine(path, "data") }.Where(Directory.Exists))
        {
            if (Directory.GetFiles(place, "*.parquet") is { Length: > 0 } files) return [.. files.Order(StringComparer.Ordinal)];
        }

        return [];
    }

    /// <summary>The columns of a file with their types as DuckDB writes them, such as <c>STRUCT(bytes BLOB, path VARCHAR)</c>.</summary>
    /// <exception cref="SightlineException">BadData: no Parquet file. MissingLibrary: DuckDB's library does not load.</exception>
    public static IReadOnlyList<(string Name, string Type)> Columns(string file) => Guard(file, () =>
    {
        var columns = new List<(string, string)>();
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"DESCRIBE SELECT * FROM read_parquet({Text(file)})";
        using var reader = command.ExecuteReader();
        while (reader.Read()) columns.Add((reader.GetString(0), reader.GetString(1)));
        return columns;
    });

    /// <summary>All rows of a file.</summary>
    /// <param name="file">The file.</param>
    /// <param name="pictures">The column with the picture: a struct of bytes and path, bytes, or a path.</param>
    /// <param name="pictureType">Its type, as <see cref="Columns"/> gives it.</param>
    /// <param name="texts">Columns that are read as text.</param>
    /// <exception cref="SightlineException">BadData, naming the file.</exception>
    public static IReadOnlyList<(ParquetPicture Picture, string?[] Texts)> Rows(string file, string pictures, string pictureType, IReadOnlyList<string> texts) => Guard(file, () =>
    {
        var (bytes, path) = pictureType.StartsWith("STRUCT", StringComparison.Ordinal) ? ($"{Name(pictures)}['bytes']", $"{Name(pictures)}['path']")
            : pictureType == "BLOB" ? (Name(pictures), "NULL")
            : pictureType == "VARCHAR" ? ("NULL", Name(pictures))
            : throw DataFile.Bad(file, $"the column '{pictures}' is of type {pictureType}, not a picture");
        var rows = new List<(ParquetPicture, string?[])>();
        using var connection = Open();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT CAST({bytes} AS BLOB), CAST({path} AS VARCHAR){string.Concat(texts.Select(text => $", CAST({Name(text)} AS VARCHAR)"))} FROM read_parquet({Text(file)})";
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            var row = new string?[texts.Count];
            for (var i = 0; i < row.Length; i++) row[i] = reader.IsDBNull(i + 2) ? null : reader.GetString(i + 2);
            rows.Add((new ParquetPicture(reader.IsDBNull(0) ? null : ReadBytes(reader), reader.IsDBNull(1) ? null : reader.GetString(1)), row));
        }

        return rows;
    });

    private static byte[] ReadBytes(DuckDBDataReader reader)
    {
        using var stream = reader.GetStream(0);
        var bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private static DuckDBConnection Open()
    {
        var connection = new DuckDBConnection("DataSource=:memory:");
        connection.Open();
        return connection;
    }

    // a quoted name and a quoted text of SQL: quotes are doubled
    private static string Name(string column) => $"\"{column.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static string Text(string value) => $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    private static T Guard<T>(string file, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (DuckDBException e)
        {
            throw new SightlineException(ErrorKind.BadData, $"{file} cannot be read as Parquet: {e.Message.ReplaceLineEndings(" ")}", e);
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException or EntryPointNotFoundException || e.InnerException is DllNotFoundException)
        {
            throw new SightlineException(ErrorKind.MissingLibrary, $"{file}: DuckDB's library, which reads Parquet, does not load on this system ({e.Message.ReplaceLineEndings(" ")})", e);
        }
    }
}
