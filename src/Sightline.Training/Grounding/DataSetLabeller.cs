using System.Text;
using Sightline.Grounding;
using Sightline.Imaging;
using Sightline.Text.Prompts;
using Sightline.Training.Data;
using Sightline.Training.Distributed;
using Sightline.Training.Expressions;

namespace Sightline.Training.Grounding;

/// <summary>Looks for some classes in every picture of a set, with the calls that an application makes: labels to begin with, for people to correct.</summary>
public sealed class DataSetLabeller(Grounder grounder)
{
    /// <summary>The processes that share the pictures; each gets all labels.</summary>
    public Communicator Ranks { get; init; } = Communicator.Alone;

    /// <summary>Told after every picture: pictures done, pictures in all.</summary>
    public Action<int, int>? Progress { get; init; }

    /// <summary>What counts as found, and how a vision-language model is asked. The task is detection whatever it says.</summary>
    public GroundingOptions Options { get; init; } = new();

    /// <summary>Where finished pictures are kept until all are; null: nowhere.</summary>
    public LabelJournal? Journal { get; init; }

    /// <summary>The pictures with boxes of the classes, in place of any labels that they have.</summary>
    /// <param name="data">The pictures.</param>
    /// <param name="classes">What to look for.</param>
    /// <param name="names">What is asked for each class.</param>
    /// <param name="cancellation">Stops between two pictures.</param>
    /// <returns>The set, and how many answers of a model that speaks could not be read: nothing is labelled from those.</returns>
    /// <exception cref="SightlineException">NotFound or BadPicture: a picture cannot be read. Usage: the journal is of something else.</exception>
    public async Task<(DataSet Labelled, int Unread)> LabelAsync(DataSet data, IReadOnlyList<string> classes, ClassNames names, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(classes);
        ArgumentNullException.ThrowIfNull(names);
        var options = Options with { Task = GroundingTask.Detection };
        string[] asked = [.. classes.Select(names.PhraseOf)];
        var all = new PictureLabels?[data.Samples.Count];
        foreach (var finished in Journal?.Begin(Ranks) ?? []) all[finished.Number] = finished;
        int[] left = [.. Enumerable.Range(0, all.Length).Where(i => all[i] is null)];
        var done = all.Length - left.Length;
        foreach (var labels in await Ranks.MapAsync(left.Length, LookAsync, WriteLine, ReadLine).ConfigureAwait(false)) all[labels.Number] = labels;
        return (data with { Classes = classes, Extra = null, Problems = null, Samples = [.. data.Samples.Select((sample, i) => Labelled(sample, all[i]!))] }, all.Sum(labels => labels!.Unread));

        async Task<PictureLabels> LookAsync(int j)
        {
            cancellation.ThrowIfCancellationRequested();
            var sample = data.Samples[left[j]];
            var picture = Picture.Decode(data.ReadPictureBytes(sample), name: sample.PictureFile);
            var result = await grounder.GroundAsync(picture, asked, options, cancellation).ConfigureAwait(false);
            LabelledBox[] objects = [.. classes.SelectMany((label, c) => result.Answers[c].Detections.Select(found => new LabelledBox(label, found.Box.To(picture.Frame).Clip()) { Score = found.Score }))];
            var labels = new PictureLabels(left[j], picture.Width, picture.Height, objects, result.Spoken.Count(answer => !answer.IsUnderstood));
            Journal?.Add(labels);
            Progress?.Invoke(done + j + 1, all.Length);
            return labels;
        }
    }

    private static DataSample Labelled(DataSample sample, PictureLabels labels) => sample with
    {
        Width = labels.Width,
        Height = labels.Height,
        Objects = labels.Objects,
        Phrases = [],
        Captions = [],
        AbsentLabels = null,
        IncompleteLabels = null,
        Extra = null,
    };

    private static void WriteLine(BinaryWriter writer, PictureLabels labels) => writer.Write(Encoding.UTF8.GetString(labels.ToLine()));

    private static PictureLabels ReadLine(BinaryReader reader) => PictureLabels.Read(Encoding.UTF8.GetBytes(reader.ReadString()));
}
