using Sightline.Geometry;
using Sightline.Imaging;
using Sightline.Tensors;
using Sightline.Text.Answers;
using Sightline.Text.Prompts;
using Sightline.Training.Expressions;

namespace Sightline.Training.Data;

/// <summary>
/// Makes problems with solutions from any labelled set: a detection problem for each picture and each of its classes (or one a picture,
/// where the template lists names), a problem for each phrase, or one for each picture with a label.
/// </summary>
public sealed class ProblemMaker
{
    private readonly DataSet _data;
    private readonly ClassNames _names;
    private readonly ProblemOptions _options;
    private readonly PromptTemplate _template;
    private readonly List<string> _notes = [];

    private ProblemMaker(DataSet data, ClassNames names, ProblemOptions options) => (_data, _names, _options, _template) = (data, names, options, TemplateOf(data, options));

    /// <summary>Makes the problems.</summary>
    /// <param name="data">Labelled pictures.</param>
    /// <param name="names">Words for the classes.</param>
    /// <param name="options">How.</param>
    /// <param name="notes">What was left out, one sentence each.</param>
    /// <exception cref="SightlineException">Usage: options that make no sense. BadData: nothing to ask, or a class has too few pictures for the shots.</exception>
    public static IReadOnlyList<Problem> Make(DataSet data, ClassNames names, ProblemOptions options, out IReadOnlyList<string> notes)
    {
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(names);
        ArgumentNullException.ThrowIfNull(options);
        if (!(options.Negatives is >= 0 and <= 100)) throw new SightlineException(ErrorKind.Usage, $"the share of negatives must be from 0 to 100, not {options.Negatives}");
        var maker = new ProblemMaker(data, names, options);
        var problems = maker.Make();
        notes = maker._notes;
        return problems.Count > 0 ? problems : throw new SightlineException(ErrorKind.BadData, $"{data.Name} has nothing that can be asked as {maker._template.Task.ToString().ToLowerInvariant()}{(notes.Count > 0 ? ": " + string.Join("; ", notes) : "")}");
    }

    private static PromptTemplate TemplateOf(DataSet data, ProblemOptions options)
    {
        if (options.Prompt is { } name)
        {
            var named = PromptLibrary.Get(name);
            if (options.Task is { } wanted && wanted != named.Task) throw new SightlineException(ErrorKind.Usage, $"the prompt {named.Id} is for {named.Task.ToString().ToLowerInvariant()}, not for {wanted.ToString().ToLowerInvariant()}");
            return named.Task is GroundingTask.Caption ? throw new SightlineException(ErrorKind.Usage, $"problems are not made for captions ({named.Id})") : named;
        }

        var task = options.Task
            ?? (data.Samples.Any(sample => sample.Objects.Count > 0) ? GroundingTask.Detection
                : data.Samples.Any(sample => sample.Phrases.Count > 0) ? data.Format == DataFormat.Lisa ? GroundingTask.Reasoning : GroundingTask.Phrase
                : data.Samples.Any(sample => sample.Label is not null) ? GroundingTask.Classification
                : throw new SightlineException(ErrorKind.BadData, $"{data.Name} has no boxes, phrases or labels to make problems of"));
        return task switch
        {
            GroundingTask.Detection or GroundingTask.Reasoning or GroundingTask.Classification => PromptLibrary.Get($"visual-rft/{task.ToString().ToLowerInvariant()}"),
            GroundingTask.Caption => throw new SightlineException(ErrorKind.Usage, "problems are not made for captions"),
            _ => PromptLibrary.For(task, options.ModelType),
        };
    }

    private List<Problem> Make()
    {
        if (_template.Task == GroundingTask.Classification) return Classification();
        if (_template.Task != GroundingTask.Detection) return Phrases();
        return _template.Places.Contains("labels") ? DetectionOfAll() : Detection();
    }

    /// <summary>One problem a picture and class, in the order of the pictures; then the classes that are not there.</summary>
    private List<Problem> Detection()
    {
        var pairs = new List<(DataSample Sample, string Label)>();
        if (_options.Shots is { } shots)
        {
            foreach (var (label, samples) in FewShot.Choose(_data, shots, _options.Seed)) pairs.AddRange(samples.Select(sample => (sample, label)));
        }
        else
        {
            foreach (var sample in _data.Samples) pairs.AddRange(sample.Objects.Select(item => item.Label).Distinct(StringComparer.Ordinal).Select(label => (sample, label)));
        }

        // a crowd, or objects that nobody labelled, would make right answers wrong
        var unsure = pairs.RemoveAll(pair => IsUnsure(pair.Sample, pair.Label));
        if (unsure > 0) _notes.Add($"{unsure} pairs of picture and class left out: a crowd, a difficult object, or not every object labelled");
        var problems = pairs.ConvertAll(pair => Ask(pair.Sample, _names.PhraseOf(pair.Label), pair.Label, Boxes(pair.Sample, pair.Label)));
        problems.AddRange(Absent([.. pairs.Select(pair => pair.Sample).Distinct()], pairs.Count).Select(pair => Ask(pair.Sample, _names.PhraseOf(pair.Label), pair.Label, [])));
        return problems;
    }

    private IEnumerable<(DataSample Sample, string Label)> Absent(IReadOnlyList<DataSample> samples, int positives)
    {
        var wanted = (int)Math.Round(_options.Negatives * positives);
        if (wanted == 0) return [];
        var random = new RandomStream(_options.Seed).Fork("negatives");
        var all = samples.SelectMany(sample => AbsentLabels(sample).Select(label => (sample, label, Key: random.Fork(sample.Id).Fork(label).NextDouble()))).OrderBy(pair => pair.Key).Take(wanted).ToList();
        if (all.Count < wanted) _notes.Add($"{wanted} problems with nothing to find were wanted and the pictures allow {all.Count}");
        return all.Select(pair => (pair.sample, pair.label));
    }

    /// <summary>Classes that are surely not in a picture: those that the set says so of, or else all that are not labelled there.</summary>
    private IEnumerable<string> AbsentLabels(DataSample sample)
    {
        var present = sample.Objects.Select(item => item.Label).Concat(sample.IncompleteLabels ?? []).ToHashSet(StringComparer.Ordinal);
        return (sample.AbsentLabels ?? _data.Classes).Where(label => !present.Contains(label));
    }

    /// <summary>One problem a picture that lists the classes.</summary>
    private List<Problem> DetectionOfAll()
    {
        var data = _options.Shots is { } shots ? FewShot.Subset(_data, shots, _options.Seed) : _data;
        var problems = new List<Problem>();
        foreach (var sample in data.Samples)
        {
            string[] asked = [.. data.Classes.Where(label => !IsUnsure(sample, label) && (sample.Objects.Any(item => item.Label == label) || AbsentLabels(sample).Contains(label)))];
            if (asked.Length == 0 || (_options.Negatives == 0 && sample.Objects.Count == 0)) continue;
            var boxes = asked.SelectMany(label => Boxes(sample, label)).ToList();
            problems.Add(Ask(sample, string.Join(", ", asked.Select(_names.PhraseOf)), null, boxes));
        }

        return problems;
    }

    private List<Problem> Phrases()
    {
        var data = _options.Shots is { } shots ? FewShot.Subset(_data, shots, _options.Seed) : _data;
        var problems = new List<Problem>();
        var (several, open) = (0, 0);
        foreach (var sample in data.Samples)
        {
            foreach (var phrase in sample.Phrases)
            {
                if (!phrase.IsGrounded) open++;
                else if (phrase.Boxes.Count > 1 && _template.Form == AnswerForm.Pairs) several++; // such an answer has one box
                else if (!string.IsNullOrWhiteSpace(phrase.Text)) problems.Add(Ask(sample, phrase.Text, null, [.. phrase.Boxes.Select(box => new LabelledBox("", box) { Segmentation = phrase.Boxes.Count == 1 ? phrase.Segmentation : null })]));
            }
        }

        if (open > 0) _notes.Add($"{open} phrases left out: the set says nothing of where they are");
        if (several > 0) _notes.Add($"{several} phrases left out: they have several boxes, and {_template.Id} asks for one");
        if (_options.Negatives > 0) _notes.Add("phrases that match nothing come from the set alone: none are made up");
        return problems;
    }

    private List<Problem> Classification()
    {
        IEnumerable<DataSample> samples = _options.Shots is { } shots ? FewShot.Choose(_data, shots, _options.Seed).SelectMany(pair => pair.Samples.Where(sample => sample.Label == pair.Label)) : _data.Samples;
        string[] all = [.. _data.Classes.Select(_names.PhraseOf)];
        return
        [
            .. samples.Where(sample => sample.Label is not null).Select(sample =>
            {
                var label = _names.PhraseOf(sample.Label!);
                return Base(sample, label, ("labels", string.Join(", ", all))) with
                {
                    Label = label,
                    Synonyms = [.. _names[sample.Label!].One.Skip(1)],
                    Solution = $"<answer>{label}</answer>",
                    Answer = InForm(label),
                };
            }),
        ];
    }

    private Problem Ask(DataSample sample, string words, string? label, IReadOnlyList<LabelledBox> boxes)
    {
        var problem = Base(sample, words, ("category", words), ("phrase", words), ("caption", words), ("labels", words)) with { Boxes = boxes, Subject = words };
        if (label is not null && boxes.Count > 0) problem = problem with { Boxes = [.. boxes.Select(box => box with { Label = words })] };
        if (_template.Task == GroundingTask.Pointing)
        {
            var points = boxes.Select(box => new AnsweredPoint(box.Box.CenterX, box.Box.CenterY, box.Box.Frame, words)).ToList();
            problem = problem with { Points = [.. points.Select(point => new Box(point.X, point.Y, point.X, point.Y, point.Frame))] };
            // a point is right anywhere in its box: rewards compare with boxes, supervised training teaches the centres
            return FrameOf(sample) is not { } there ? problem
                : Solved(problem, there, AnswerWriter.Points(_template.Form ?? AnswerForm.Pairs, points, there)) with
                {
                    Solution = $"<answer>{AnswerWriter.Boxes(_template.Form ?? AnswerForm.Pairs, [.. boxes.Select(box => new AnsweredBox(box.Box, words))], there)}</answer>",
                };
        }

        if (FrameOf(sample) is not { } frame) return problem;
        // the label of a box is said where the form has a place for it
        var spoken = boxes.Select(box => new AnsweredBox(box.Box, box.Label.Length > 0 ? _names.PhraseOf(box.Label) : words, 1)).ToList();
        return Solved(problem, frame, AnswerWriter.Boxes(_template.Form ?? AnswerForm.Positions, spoken, frame));
    }

    private Problem Solved(Problem problem, CoordinateFrame frame, string answer) => problem with { Frame = frame, Solution = $"<answer>{answer}</answer>", Answer = InForm(answer) };

    private Problem Base(DataSample sample, string words, params (string, string)[] values)
    {
        var messages = _template.Fill([.. _options.Values, .. values]);
        var picture = sample.PictureBytes is { } bytes ? ProblemPicture.FromBytes(sample.PictureFile, bytes) : ProblemPicture.FromFile(_data.ResolvePicture(sample) ?? Path.Combine(_data.PictureFolder, sample.PictureFile));
        return new Problem($"{sample.Id}: {words}", string.Concat(messages[^1].Parts.Where(part => part.Type == "text").Select(part => part.Text)))
        {
            Pictures = [picture],
            System = messages.Count > 1 ? string.Concat(messages[0].Parts.Select(part => part.Text)) : null,
            Split = sample.Split,
            Source = sample.Source,
        };
    }

    /// <summary>The answer in the form that the prompt asks for; nobody has written the thinking, so it is empty.</summary>
    private string InForm(string answer) => _template.HasThinking ? AnswerWriter.InTags("", answer) : answer;

    /// <summary>The coordinates of the answer, where they can be known.</summary>
    private CoordinateFrame? FrameOf(DataSample sample)
    {
        if (_template.Frame is { } demanded) return demanded;
        if (_options.OwnFrame is not { } own) return null;
        if (sample is { Width: > 0, Height: > 0 }) return own(sample.Width, sample.Height);
        var header = PictureHeader.Read(_data.ReadPictureBytes(sample), sample.PictureFile);
        return own(header.UprightWidth, header.UprightHeight);
    }

    private static bool IsUnsure(DataSample sample, string label) =>
        sample.Objects.Any(item => item.Label == label && (item.Crowd || item.Difficult)) || sample.IncompleteLabels?.Contains(label) == true;

    /// <summary>The boxes of a class inside the picture; parts outside it cannot be said.</summary>
    private static List<LabelledBox> Boxes(DataSample sample, string label) =>
        [.. sample.Objects.Where(item => item.Label == label).Select(item => item.Box.Frame.IsUnspecified ? item with { Box = item.Box with { Frame = sample.Frame } } : item).Select(item => item with { Box = item.Box.Clip() }).Where(item => !item.Box.IsEmpty)];
}
