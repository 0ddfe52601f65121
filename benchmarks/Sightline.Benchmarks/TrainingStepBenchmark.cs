using System.Diagnostics;
using System.Globalization;
using Sightline.Checkpoints;
using Sightline.Models.Fusion;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Memory;
using Sightline.Tensors.Ops;
using Sightline.Training.Grounding;
using Sightline.Training.Optim;

namespace Sightline.Benchmarks;

/// <summary>
/// One training step of <c>nano</c>: forward with dropout, assignment and losses, backward, clipping, AdamW. The batch is
/// <see cref="StepBatch"/>; <c>benchmarks/peers/nano_step.py</c> does the same in PyTorch, and <c>compare_step.py</c> runs both in turn.
/// </summary>
internal sealed class TrainingStepBenchmark : IDisposable
{
    private readonly StepBatch _batch;
    private readonly GroundingLoss _loss;
    private readonly AdamW _optimizer;
    private readonly RandomStream _random = new(3);

    private TrainingStepBenchmark(int imageSize)
    {
        _batch = new StepBatch(imageSize, FusionConfig.Nano.Dropout);
        _loss = new GroundingLoss(_batch.Config, new GroundingLossWeights());
        _optimizer = new AdamW(_batch.Model.Parameters.All, new AdamWOptions(Beta2: 0.98), weightDecay: parameter => parameter.Decays ? 0.05 : 0);
    }

    /// <summary>
    /// Options: <c>--threads N</c>, <c>--image-size S</c>, <c>--steps K</c>, <c>--products bfloat16</c> for products of rounded operands; <c>--paced</c> waits for a number of steps on each line of the
    /// standard input; <c>--export FOLDER</c> writes weights, batch, outputs and gradients for the peers to check themselves against.
    /// </summary>
    public static void Run(string[] arguments)
    {
        var imageSize = Options.Number(arguments, "--image-size", FusionConfig.Nano.ImageSize);
        ThreadTeam.SetThreads(Options.Number(arguments, "--threads", Environment.ProcessorCount));
        if (Options.Text(arguments, "--export") is { } folder)
        {
            Export(folder, imageSize);
            return;
        }

        using var rounded = BFloat16Products.Allow(Options.Text(arguments, "--products") == "bfloat16");
        using var benchmark = new TrainingStepBenchmark(imageSize);
        if (Options.Flag(arguments, "--paced")) benchmark.RunPaced();
        else benchmark.RunAlone(Options.Number(arguments, "--steps", 10));
    }

    /// <summary>A step on the engine of new tensors, to be timed beside other things; dispose the benchmark afterwards.</summary>
    public static (Action Step, IDisposable Owner) Prepare(int imageSize)
    {
        var benchmark = new TrainingStepBenchmark(imageSize);
        return (() => benchmark.Step(), benchmark);
    }

    public void Dispose()
    {
        _optimizer.Dispose();
        _batch.Model.Parameters.ClearGradients();
        _batch.Dispose();
    }

    /// <summary>Writes what the peers need, without dropout.</summary>
    private static void Export(string folder, int imageSize)
    {
        Directory.CreateDirectory(folder);
        using var batch = new StepBatch(imageSize, dropout: 0);
        FusionFolder.Save(folder, batch.Model, folder, DType.Float32);
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var output = batch.Model.Forward(batch.Pixels, batch.Phrases, new RandomStream(3)); // a stream, and so a training step: with what the phrase decoder is supervised by
        var writer = new SafetensorsWriter();
        writer.Add("pixels", batch.Pixels);
        writer.Add("ids", batch.Phrases.Ids);
        writer.Add("boxes", output.Boxes);
        writer.Add("logits", output.Logits);
        writer.Add("presence", output.Presence);
        writer.Add("earlier", Op.Concat(0, [.. output.EarlierLogits]));
        AddAssignments(writer, batch, output);
        var loss = new GroundingLoss(batch.Config, new GroundingLossWeights()).Compute(output, batch.Samples);
        tape.Backward(loss.Total);
        float[] parts = [loss.Total.Item(), loss.Alignment.Item(), loss.Ranking.Item(), loss.Giou.Item(), loss.L1.Item(), loss.Presence.Item()];
        writer.Add("losses", Tensor.From(parts, [parts.Length]));
        foreach (var parameter in batch.Model.Parameters.All)
        {
            if (parameter.Value.Grad is { } gradient) writer.Add("gradient." + parameter.Path, gradient);
        }

        writer.Save(Path.Combine(folder, "batch.safetensors"));
        batch.Model.Parameters.ClearGradients();
        Console.WriteLine($"wrote {folder}");
    }

    /// <summary>Which place answers for which object, and which phrase means it: what the peers get ready-made.</summary>
    private static void AddAssignments(SafetensorsWriter writer, StepBatch batch, FusionOutput output)
    {
        var places = batch.Config.FineSide * batch.Config.FineSide;
        var assigner = new TaskAlignedAssigner(batch.Config.FineSide);
        var found = new List<Assignment>();
        var rows = new List<long>();
        var objects = new List<long>();
        var boxes = new List<float>();
        var qualities = new List<float>();
        var means = new float[StepBatch.Pictures * StepBatch.PhrasesPerPicture * StepBatch.Objects];
        for (var b = 0; b < StepBatch.Pictures; b++)
        {
            var sample = batch.Samples[b];
            found.Clear();
            var logits = output.Logits.AsSpan<float>().Slice(b * StepBatch.PhrasesPerPicture * places, StepBatch.PhrasesPerPicture * places);
            assigner.Assign(output.Boxes.AsSpan<float>().Slice(b * places * 4, places * 4), logits, sample, found);
            foreach (var assignment in found)
            {
                var box = sample.Objects[assignment.Object];
                rows.Add((b * places) + assignment.Place);
                objects.Add(assignment.Object);
                boxes.AddRange([box.X1, box.Y1, box.X2, box.Y2]);
                qualities.Add(assignment.Quality);
            }

            for (var p = 0; p < StepBatch.PhrasesPerPicture; p++)
            {
                foreach (var o in sample.Targets[p]) means[(((b * StepBatch.PhrasesPerPicture) + p) * StepBatch.Objects) + o] = 1;
            }
        }

        writer.Add("assigned.rows", Tensor.From([.. rows], [rows.Count]));
        writer.Add("assigned.objects", Tensor.From([.. objects], [objects.Count]));
        writer.Add("assigned.boxes", Tensor.From([.. boxes], [rows.Count, 4]));
        writer.Add("assigned.qualities", Tensor.From([.. qualities], [qualities.Count]));
        writer.Add("means", Tensor.From(means, [StepBatch.Pictures, StepBatch.PhrasesPerPicture, StepBatch.Objects]));
    }

    private float Step()
    {
        using var scope = TensorScope.Open();
        float value;
        using (var tape = Tape.Record())
        {
            var loss = _loss.Compute(_batch.Model.Forward(_batch.Pixels, _batch.Phrases, _random), _batch.Samples);
            value = loss.Total.Item();
            tape.Backward(loss.Total);
        }

        _optimizer.Step(1e-4, GradientClipping.Coefficient(GradientClipping.Norm(_batch.Model.Parameters.All), 1));
        _batch.Model.Parameters.ClearGradients();
        return value;
    }

    private void RunPaced()
    {
        Step();
        Console.WriteLine("ready");
        while (Console.ReadLine() is { } line)
        {
            var steps = int.Parse(line, CultureInfo.InvariantCulture);
            var (wall, processor) = Time(steps);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{wall:F3} {processor:F3}"));
        }
    }

    private void RunAlone(int steps)
    {
        for (var i = 0; i < 3; i++) Step();
        var reserved = NativePool.Shared.ReservedBytes;
        var managed = GC.GetTotalAllocatedBytes(precise: true);
        var (wall, processor) = Time(steps);
        managed = GC.GetTotalAllocatedBytes(precise: true) - managed;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"nano, canvas {_batch.Config.ImageSize}, {StepBatch.Pictures} pictures with {StepBatch.PhrasesPerPicture} phrases, {ThreadTeam.Shared.Threads} thread(s): {wall:F1} ms a step ({processor:F1} ms of processor time), {StepBatch.Pictures / wall * 1000:F1} pictures/s"));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"managed memory allocated: {managed / steps:N0} bytes a step; native memory reserved: {reserved / 1e6:F0} MB, {NativePool.Shared.ReservedBytes - reserved:N0} bytes more after {steps} steps; largest in use {NativePool.Shared.PeakBytes / 1e6:F0} MB"));
    }

    /// <summary>Milliseconds a step, on the wall and of this process.</summary>
    private (double Wall, double Processor) Time(int steps)
    {
        var processor = Environment.CpuUsage.TotalTime;
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < steps; i++) Step();
        var wall = Stopwatch.GetElapsedTime(start).TotalMilliseconds / steps;
        return (wall, (Environment.CpuUsage.TotalTime - processor).TotalMilliseconds / steps);
    }
}
