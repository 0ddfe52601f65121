using System.Text.Json;

namespace Sightline.Training.Evaluation;

/// <summary>Where a score comes from, so that a person can make it again.</summary>
/// <param name="Command">The exact command line.</param>
/// <param name="Seed">Of everything random in it.</param>
/// <param name="Commit">Of the code.</param>
/// <param name="Machine">Processor, cores, memory, system.</param>
public sealed record ScoreProvenance(string Command, ulong Seed, string Commit, string Machine)
{
    /// <summary>Writes <c>command</c>, <c>seed</c>, <c>commit</c> and <c>machine</c> into the object that is open.</summary>
    public void WriteJson(Utf8JsonWriter writer)
    {
        writer.WriteString("command", Command);
        writer.WriteNumber("seed", Seed);
        writer.WriteString("commit", Commit);
        writer.WriteString("machine", Machine);
    }
}
