using System.Globalization;
using Sightline.Hub;
using Spectre.Console;

namespace Sightline.Cli.Output;

/// <summary>How far a pull is: a bar with speed and time left for a person, a line a file for a log.</summary>
internal static class PullDisplay
{
    /// <summary>Runs a pull with its progress on stderr.</summary>
    public static async Task<string> ShowAsync(Terminal terminal, HubModelName name, Func<IProgress<HubProgress>, Task<string>> pull)
    {
        if (!terminal.IsInteractive) return await pull(new Lines(terminal));
        return await terminal.ProgressConsole().Progress()
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn { Width = 24 }, new DownloadedColumn(), new TransferSpeedColumn(), new RemainingTimeColumn())
            .StartAsync(context => pull(new Bar(context.AddTask(Markup.Escape(name.ToString())))));
    }

    private sealed class Bar(ProgressTask task) : IProgress<HubProgress>
    {
        public void Report(HubProgress value)
        {
            task.MaxValue = Math.Max(1, value.TotalBytes);
            task.Value = value.Bytes;
            task.Description = Markup.Escape(value.File);
        }
    }

    private sealed class Lines(Terminal terminal) : IProgress<HubProgress>
    {
        private string? _file;

        public void Report(HubProgress value)
        {
            if (value.File == _file) return;
            _file = value.File;
            terminal.Hint(string.Create(CultureInfo.InvariantCulture, $"{value.File} ({value.Bytes / 1e6:0.0} of {value.TotalBytes / 1e6:0.0} MB are here)"));
        }
    }
}
