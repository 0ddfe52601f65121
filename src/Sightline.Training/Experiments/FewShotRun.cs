using System.Text.Json;

namespace Sightline.Training.Experiments;

/// <summary>A moment of a run.</summary>
/// <param name="Step">Steps done.</param>
/// <param name="Seconds">Processor time of training so far, of all threads, measurements left out.</param>
/// <param name="Mean">Mean reward on the test problems.</param>
public readonly record struct FewShotMoment(int Step, double Seconds, double Mean);

/// <summary>One run of one kind.</summary>
/// <param name="Kind">"reinforcement" or "supervised".</param>
/// <param name="Shots">Problems of each subject.</param>
/// <param name="Seed">Of the draw and of the run.</param>
/// <param name="Curve">Measurements on its way.</param>
/// <param name="Scores">The reward of each test problem at the end.</param>
/// <param name="Rewards">The mean reward of the sampled answers, step by step; of reinforcement alone.</param>
/// <param name="Elapsed">Time of training on the clock, in seconds, measurements left out.</param>
public sealed record FewShotRun(string Kind, int Shots, ulong Seed, IReadOnlyList<FewShotMoment> Curve, IReadOnlyList<double> Scores, IReadOnlyList<double> Rewards, double Elapsed)
{
    /// <summary>Processor time of training, in seconds.</summary>
    public double Seconds => Curve[^1].Seconds;

    /// <summary>Mean reward on the test problems at the end.</summary>
    public double Mean => Scores.Average();

    /// <summary>The best measurement on the way: what a stop at the right moment would have given.</summary>
    public double Best => Curve.Max(moment => moment.Mean);

    /// <summary>Writes the array <c>curve</c> into an object; a mean that is no number becomes null.</summary>
    public void WriteCurve(Utf8JsonWriter json)
    {
        ArgumentNullException.ThrowIfNull(json);
        json.WriteStartArray("curve");
        foreach (var moment in Curve)
        {
            json.WriteStartObject();
            json.WriteNumber("step", moment.Step);
            json.WriteNumber("processor_seconds", moment.Seconds);
            json.WritePropertyName("mean");
            Write(json, moment.Mean);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    /// <summary>A rule without an opinion gives NaN, which JSON does not have.</summary>
    internal static void Write(Utf8JsonWriter json, double value)
    {
        if (double.IsFinite(value)) json.WriteNumberValue(value);
        else json.WriteNullValue();
    }
}
