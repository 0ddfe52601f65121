using Sightline.Geometry;
using Sightline.Models.QwenVl;
using Sightline.Text;
using Sightline.Training.Data;

namespace Sightline.Training.Reinforcement;

/// <summary>From problems to tokens and patches, through the model's own processor: what is trained is what is served.</summary>
internal sealed class ProblemReading(TunedModel model)
{
    private readonly QwenVlProcessor _processor = model.Processor;

    /// <summary>Reads the pictures and lays out the prompt.</summary>
    /// <exception cref="SightlineException">The problem's source, name and what is wrong with it.</exception>
    public PreparedProblem Prepare(string source, Problem problem, int answer)
    {
        try
        {
            var pictures = problem.Pictures.Select(picture => picture.Load()).ToList();
            QwenPicture[] fitted = [.. pictures.Select(_processor.Images.Fit)];
            var messages = Messages(problem);
            var prompt = _processor.Assemble(_processor.Template.Render(messages), fitted);
            prompt.RequireFits(model.Network.Sizes.ContextLength, answer);
            var frame = problem.Frame ?? (fitted.Length > 0 ? _processor.FrameOf(fitted[0]) : default(CoordinateFrame));
            var size = pictures.Count > 0 ? (pictures[0].Width, pictures[0].Height) : default;
            return new PreparedProblem(problem, source, prompt.Ids, model.Network.Lay(prompt.Ids, [.. prompt.Grids]), [.. fitted.Select(_processor.Images.ToPatches)], frame, size, Earlier(messages, fitted, prompt.Ids));
        }
        catch (SightlineException error)
        {
            // too long a prompt is a matter of the data here, not of an option
            throw new SightlineException(error.Kind == ErrorKind.Usage ? ErrorKind.BadData : error.Kind, $"{PreparedProblem.PlaceOf(source, problem)}: {error.Message}", error);
        }
    }

    /// <summary>The tokens that supervised training teaches after the prompt: the answer and the end token.</summary>
    public int[] Answer(string text)
    {
        var ids = new List<int>();
        _processor.Tokenizer.Encode(text, ids, addSpecialTokens: false);
        return [.. ids, model.StopTokens[0]];
    }

    private static List<ChatMessage> Messages(Problem problem)
    {
        var messages = new List<ChatMessage>();
        if (problem.System is { } system) messages.Add(new ChatMessage("system", system));
        ProblemTurn[] turns = [.. problem.Earlier, new ProblemTurn(IsAnswer: false, problem.Prompt)];
        var places = turns.Where(turn => !turn.IsAnswer).Sum(turn => turn.Text.Split(Problem.PicturePlace).Length - 1);
        var before = problem.Pictures.Count - places; // pictures without a place of their own come first
        if (before < 0) throw new SightlineException(ErrorKind.BadData, $"the words have {places} places for pictures ({Problem.PicturePlace}) and there are {problem.Pictures.Count} pictures");
        foreach (var turn in turns)
        {
            if (turn.IsAnswer)
            {
                messages.Add(new ChatMessage("assistant", turn.Text));
                continue;
            }

            var parts = new List<ChatPart>();
            for (; before > 0; before--) parts.Add(ChatPart.Image);
            var pieces = turn.Text.Split(Problem.PicturePlace);
            for (var i = 0; i < pieces.Length; i++)
            {
                if (i > 0) parts.Add(ChatPart.Image);
                if (pieces[i].Length > 0) parts.Add(ChatPart.Words(pieces[i]));
            }

            messages.Add(new ChatMessage("user", parts));
        }

        return messages;
    }

    /// <summary>Where the answers of earlier turns stand in a conversation.</summary>
    private List<Range> Earlier(List<ChatMessage> messages, QwenPicture[] pictures, int[] ids)
    {
        var ranges = new List<Range>();
        for (var m = 0; m < messages.Count; m++)
        {
            if (messages[m].Role != "assistant") continue;
            var shown = messages.Take(m).Sum(message => message.Parts.Count(part => part == ChatPart.Image));
            var before = _processor.Assemble(_processor.Template.Render(messages[..m]), pictures[..shown]).Ids;
            var answer = Answer(messages[m].Parts[0].Text);
            if (!ids.AsSpan().StartsWith(before) || !ids.AsSpan(before.Length).StartsWith(answer))
                throw new SightlineException(ErrorKind.BadData, "the chat template changes what was said in earlier turns: give each turn as a problem of its own");
            ranges.Add(before.Length..(before.Length + answer.Length));
        }

        return ranges;
    }
}
