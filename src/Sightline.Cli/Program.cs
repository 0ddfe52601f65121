using Sightline.Cli;

using var interrupt = new Interrupt();
using var process = RankedProcess.OfProcess();
return await SightlineCommandLine.RunAsync(args, process, interrupt.Token);
