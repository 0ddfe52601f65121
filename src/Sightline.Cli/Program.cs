using Sightline.Cli;
using Sightline.Cli.Output;

using var interrupt = new Interrupt();
return await SightlineCommandLine.RunAsync(args, Terminal.OfProcess(), interrupt.Token);
