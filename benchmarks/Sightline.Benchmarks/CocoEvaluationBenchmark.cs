using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Sightline.Tensors;
using Sightline.Training.Evaluation;

namespace Sightline.Benchmarks;

/// <summary>
/// COCO evaluation at the size of COCO val2017: 5,000 pictures, 80 classes, about 36,000 annotations, about 50 detections a
/// picture. Writes the two files where benchmarks/peers/coco_eval.py finds them, so that pycocotools is timed on the same
/// data; prints the figures too, which must be equal.
/// </summary>
internal static class CocoEvaluationBenchmark
{
    private const int Pictures = 5000;
    private const int Classes = 80;

    public static void Run()
    {
        var folder = Path.Combine(Path.GetTempPath(), "sightline-coco-benchmark");
        Directory.CreateDirectory(folder);
        var (truthPath, detectionPath) = (Path.Combine(folder, "gt.json"), Path.Combine(folder, "dt.json"));
        if (!File.Exists(truthPath) || !File.Exists(detectionPath)) WriteData(truthPath, detectionPath);

        foreach (var threads in new[] { 1, Environment.ProcessorCount })
        {
            var options = new CocoEvaluationOptions { Threads = threads };
            var (load, evaluate) = (double.MaxValue, double.MaxValue);
            DetectionScore? score = null;
            for (var repeat = 0; repeat < 5; repeat++)
            {
                var clock = Stopwatch.StartNew();
                var truth = CocoGroundTruth.Load(truthPath);
                var detections = CocoDetections.Load(detectionPath);
                load = Math.Min(load, clock.Elapsed.TotalSeconds);
                clock.Restart();
                score = CocoEvaluator.Evaluate(truth, detections, options);
                evaluate = Math.Min(evaluate, clock.Elapsed.TotalSeconds);
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"sightline, {threads} thread(s): load {load:0.000} s, evaluate {evaluate:0.000} s ({score!.Images} pictures, {score.Truths} truths, {score.Detections} detections)"));
            Console.WriteLine("stats " + string.Join(" ", score.Stats.Select(v => v.ToString("R", CultureInfo.InvariantCulture))));
        }

        var loaded = (CocoGroundTruth.Load(truthPath), CocoDetections.Load(detectionPath));
        var bootstrapClock = Stopwatch.StartNew();
        CocoEvaluator.Evaluate(loaded.Item1, loaded.Item2, new CocoEvaluationOptions { Bootstrap = new BootstrapOptions(100) });
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"with intervals of all figures from 100 redrawn sets: {bootstrapClock.Elapsed.TotalSeconds:0.000} s"));
        Console.WriteLine($"files: {folder}");
    }

    private static void WriteData(string truthPath, string detectionPath)
    {
        var random = new RandomStream(20001);
        using var truthFile = File.Create(truthPath);
        using var detectionFile = File.Create(detectionPath);
        using var truth = new Utf8JsonWriter(truthFile);
        using var detections = new Utf8JsonWriter(detectionFile);
        truth.WriteStartObject();
        truth.WriteStartArray("images");
        for (var i = 1; i <= Pictures; i++) WriteObject(truth, ("id", i), ("width", 640), ("height", 480));
        truth.WriteEndArray();
        truth.WriteStartArray("categories");
        for (var c = 1; c <= Classes; c++) WriteObject(truth, ("id", c));
        truth.WriteEndArray();
        truth.WriteStartArray("annotations");
        detections.WriteStartArray();
        var id = 0;
        for (var i = 1; i <= Pictures; i++)
        {
            for (var n = random.NextInt(1, 14); n > 0; n--)
            {
                // as in COCO, few classes hold most of the things
                var category = 1 + (int)(Classes * Math.Pow(random.NextDouble(), 2.5));
                var (width, height) = (Side(random, 640), Side(random, 480));
                var (x, y) = (random.NextDouble(0, 640 - width), random.NextDouble(0, 480 - height));
                WriteObject(truth, ("id", ++id), ("image_id", i), ("category_id", category), ("area", Math.Round(width * height * 0.7, 2)), ("iscrowd", random.NextBool(0.01) ? 1 : 0), ("bbox", new[] { x, y, width, height }));
                for (var copies = random.NextInt(0, 8); copies > 0; copies--)
                {
                    double Jitter() => 0.15 * random.NextNormal();
                    double[] box = [x + (width * Jitter()), y + (height * Jitter()), width * Math.Exp(Jitter()), height * Math.Exp(Jitter())];
                    WriteObject(detections, ("image_id", i), ("category_id", random.NextBool(0.85) ? category : random.NextInt(1, Classes + 1)), ("bbox", box), ("score", Math.Round(random.NextDouble(), 4)));
                }
            }

            for (var n = random.NextInt(5, 50); n > 0; n--)
            {
                var (width, height) = (Side(random, 640), Side(random, 480));
                double[] box = [random.NextDouble(0, 640 - width), random.NextDouble(0, 480 - height), width, height];
                WriteObject(detections, ("image_id", i), ("category_id", 1 + (int)(Classes * Math.Pow(random.NextDouble(), 2.5))), ("bbox", box), ("score", Math.Round(Math.Pow(random.NextDouble(), 3), 4)));
            }
        }

        truth.WriteEndArray();
        truth.WriteEndObject();
        detections.WriteEndArray();
    }

    private static double Side(RandomStream random, double picture) => Math.Min(picture * 0.9, 6 * Math.Exp(random.NextDouble() * 4.2));

    private static void WriteObject(Utf8JsonWriter json, params (string Name, object Value)[] members)
    {
        json.WriteStartObject();
        foreach (var (name, value) in members)
        {
            if (value is double[] box)
            {
                json.WriteStartArray(name);
                foreach (var number in box) json.WriteNumberValue(Math.Round(number, 2));
                json.WriteEndArray();
            }
            else if (value is double real)
            {
                json.WriteNumber(name, real);
            }
            else
            {
                json.WriteNumber(name, (int)value);
            }
        }

        json.WriteEndObject();
    }
}
