using Sightline.Grounding;

namespace Sightline.Cli.Output;

/// <summary>A line on stderr, for a person who waits for an answer: how many tokens there are.</summary>
internal sealed class AnswerDisplay : IProgress<GroundingProgress>, IDisposable
{
    private const string Clear = "\r\u001b[K";
    private readonly Terminal _terminal;
    private int _tokens;

    public AnswerDisplay(Terminal terminal)
    {
        _terminal = terminal;
        if (terminal.IsInteractive) terminal.Error.Write("looking at the picture …");
    }

    public void Report(GroundingProgress value)
    {
        _tokens++;
        if (_terminal.IsInteractive) _terminal.Error.Write(FormattableString.Invariant($"\r{_tokens} tokens of answer\u001b[K"));
    }

    public void Dispose()
    {
        if (_terminal.IsInteractive) _terminal.Error.Write(Clear);
    }
}
