using System.Text.Json;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Optim;
using Sightline.Testing;
using Sightline.Training.Optim;

namespace Sightline.Training.Tests.Optim;

/// <summary>Twenty steps of a small network against torch.optim, and the rest of the optimizers' fixtures.</summary>
[Collection(Alone.Name)]
public sealed class OptimizerTests : TensorTest
{
    private static readonly string[] s_paths = ["0.weight", "0.bias", "2.weight", "2.bias", "3.weight", "3.bias"];
    private static readonly FixtureTensors s_tensors = new("optim", "optimizers.safetensors");

    public static TheoryData<string> Runs =>
        ["adamw", "adamw_wd0.1_clip", "adam_l2", "adamw_amsgrad", "sgd_momentum", "sgd_nesterov"];

    [Theory]
    [MemberData(nameof(Runs))]
    public void Follows_torch_for_twenty_steps(string run)
    {
        using var scope = TensorScope.Open();
        var json = Json("optimizers.json").GetProperty("runs").GetProperty(run);
        var defaults = json.GetProperty("defaults");
        double Default(string name) => defaults.GetProperty(name).GetDouble();
        var parameters = s_paths.Select(path => new Parameter(path, From($"start/{path}").AsParameter())).ToArray();
        Action<double> step;
        IDisposable owner;
        if (run.StartsWith("sgd", StringComparison.Ordinal))
        {
            var sgd = new Sgd(parameters, Default("momentum"), Default("weight_decay"), defaults.GetProperty("nesterov").GetBoolean());
            (step, owner) = (scale => sgd.Step(Default("lr"), scale), sgd);
        }
        else
        {
            var betas = defaults.GetProperty("betas");
            var options = new AdamWOptions(betas[0].GetDouble(), betas[1].GetDouble(), Default("eps"), run.StartsWith("adamw", StringComparison.Ordinal), defaults.GetProperty("amsgrad").GetBoolean());
            var adam = new AdamW(parameters, options, weightDecay: _ => Default("weight_decay"));
            (step, owner) = (scale => adam.Step(Default("lr"), scale), adam);
        }

        double? limit = json.GetProperty("clip_norm").ValueKind == JsonValueKind.Number ? json.GetProperty("clip_norm").GetDouble() : null;
        for (var s = 0; s < 20; s++)
        {
            var loss = Loss(parameters, s);
            if (s == 0) CheckFirstGradient(parameters);
            var norm = GradientClipping.Norm(parameters);
            Near(json.GetProperty("losses")[s].GetDouble(), loss, 5e-6, $"{run} loss of step {s}");
            Near(json.GetProperty("gradient_norms_before_clipping")[s].GetDouble(), norm, 5e-5, $"{run} norm of step {s}");
            step(limit is { } largest ? GradientClipping.Coefficient(norm, largest) : 1);
            foreach (var parameter in parameters)
            {
                Near(s_tensors.Floats($"{run}/{s:00}/{parameter.Path}"), parameter.Value, 5e-6, $"{run} step {s} {parameter.Path}");
                parameter.Value.ClearGrad();
            }
        }

        owner.Dispose();
        foreach (var parameter in parameters) parameter.Value.Dispose();
    }

    [Fact]
    public void Schedules_agree_with_transformers()
    {
        foreach (var table in Json("schedules.json").GetProperty("tables").EnumerateArray())
        {
            var name = table.GetProperty("schedule").GetString()!;
            int Int(string key) => table.TryGetProperty(key, out var value) ? value.GetInt32() : 0;
            double Double(string key) => table.GetProperty(key).GetDouble();
            var (warm, total, rate) = (Int("num_warmup_steps"), Int("num_training_steps"), Double("base_lr"));
            Func<int, double> factor = name switch
            {
                "linear_with_warmup" => s => LearningRate.Linear(s, warm, total),
                "cosine_with_warmup" => s => LearningRate.Cosine(s, warm, total, Double("num_cycles")),
                "cosine_with_hard_restarts" => s => LearningRate.CosineRestarts(s, warm, total, Int("num_cycles")),
                "polynomial_with_warmup" => s => LearningRate.Polynomial(s, warm, total, Double("power"), Double("lr_end") / rate),
                "constant_with_warmup" => s => LearningRate.Constant(s, warm),
                "inverse_sqrt" => s => LearningRate.InverseRoot(s, warm),
                "multistep" => s => LearningRate.Steps(s, [.. table.GetProperty("milestones").EnumerateArray().Select(m => m.GetInt32())], Double("gamma")),
                _ => throw new InvalidDataException(name),
            };
            var step = 0;
            foreach (var value in table.GetProperty("lr_at_step").EnumerateArray())
            {
                var expected = value.GetDouble();
                var actual = rate * factor(step);
                // the cosine's zero is 1e-17 off in either implementation
                Assert.True(Math.Abs(actual - expected) <= (1e-12 * Math.Abs(expected)) + 1e-18, $"{name} warm {warm} of {total}, step {step}: got {actual:R}, expected {expected:R}");
                step++;
            }
        }
    }

    [Fact]
    public void Clipping_agrees_with_torch()
    {
        using var scope = TensorScope.Open();
        var tensors = new FixtureTensors("optim", "clip_grad_norm.safetensors");
        foreach (var row in Json("clip_grad_norm.json").GetProperty("cases").EnumerateArray())
        {
            var name = row.GetProperty("name").GetString()!;
            var kind = row.GetProperty("norm_type") is { ValueKind: JsonValueKind.Number } type ? (type.GetDouble() == 1 ? NormKind.One : NormKind.Two) : NormKind.Infinity;
            var parameters = new List<Parameter>();
            for (var k = 0; k < row.GetProperty("tensors").GetInt32(); k++)
            {
                var shape = new Shape(tensors.Shape($"{name}/grad{k}"));
                var parameter = Tensor.Zeros(shape).AsParameter();
                using (var tape = Tape.Record()) tape.Backward(Op.Scale(parameter, 1), Tensor.From(tensors.Floats($"{name}/grad{k}"), shape));
                parameters.Add(new Parameter($"{k}", parameter));
            }

            var norm = GradientClipping.Clip(parameters, row.GetProperty("max_norm").GetDouble(), kind);
            Near(row.GetProperty("total_norm").GetDouble(), norm, 1e-6 * Math.Max(1, norm), $"clip {name}");
            for (var k = 0; k < parameters.Count; k++)
            {
                // the README's 1e-6, and three float32 roundings (norm, coefficient, product): gradients reach 60, where 1e-6 is a quarter of a unit
                var (expected, actual) = (tensors.Floats($"{name}/clipped{k}"), parameters[k].Value.Grad!.ToArray<float>());
                for (var i = 0; i < expected.Length; i++) Near(expected[i], actual[i], 1e-6 + (Math.Abs(expected[i]) * 3 / (1 << 24)), $"clip {name} tensor {k}[{i}]");
                parameters[k].Value.Dispose();
            }
        }
    }

    /// <summary>The stored averages of all steps share the memory of the last one (the generator saved one live tensor fifteen times): only that one is compared.</summary>
    [Theory]
    [InlineData("0.9")]
    [InlineData("0.99")]
    [InlineData("0.999")]
    public void Averages_agree_with_torch(string decay)
    {
        using var scope = TensorScope.Open();
        var tensors = new FixtureTensors("optim", "ema.safetensors");
        var share = double.Parse(decay, System.Globalization.CultureInfo.InvariantCulture);
        foreach (var (name, shape) in new (string, Shape)[] { ("weight", [3, 4]), ("bias", [3]) })
        {
            var parameter = new Parameter(name, Tensor.From(tensors.Floats($"{decay}/00/{name}"), shape).AsParameter());
            using var average = new WeightAverage([parameter]);
            for (var s = 1; s < 15; s++)
            {
                parameter.Value.Engine.Copy(Tensor.From(tensors.Floats($"{decay}/{s:00}/{name}"), shape), parameter.Value);
                average.Update(share);
            }

            Near(tensors.Floats($"{decay}/14/ema.{name}"), average.State().Single().Value, 1e-6, $"average {decay} {name}");
            parameter.Value.Dispose();
        }
    }

    private static double Loss(Parameter[] parameters, int step)
    {
        using var scope = TensorScope.Open();
        using var tape = Tape.Record();
        var (x, y) = (Op.Slice(From("x"), 0, step, 1), Op.Slice(From("y"), 0, step, 1));
        var h = Op.Tanh(Op.Linear(Op.Reshape(x, 9, 5), parameters[0].Value, parameters[1].Value));
        var o = Op.Linear(Op.LayerNorm(h, parameters[2].Value, parameters[3].Value, 1e-5f), parameters[4].Value, parameters[5].Value);
        var loss = Op.SquaredError(o, Op.Reshape(y, 9, 3));
        tape.Backward(loss);
        return loss.Item();
    }

    private static void CheckFirstGradient(Parameter[] parameters)
    {
        foreach (var parameter in parameters) Near(s_tensors.Floats($"first_gradient/{parameter.Path}"), parameter.Value.Grad!, 5e-6, $"first gradient of {parameter.Path}");
    }

    private static Tensor From(string name) => Tensor.From(s_tensors.Floats(name), new Shape(s_tensors.Shape(name)));

    private static JsonElement Json(string file)
    {
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path("optim", file)));
        return json.RootElement.Clone();
    }

    private static void Near(double expected, double actual, double tolerance, string what) =>
        Assert.True(Math.Abs(expected - actual) <= tolerance, $"{what}: got {actual:R}, expected {expected:R}");

    private static void Near(float[] expected, Tensor actual, double tolerance, string what)
    {
        var values = actual.ToArray<float>();
        for (var i = 0; i < expected.Length; i++) Near(expected[i], values[i], tolerance, $"{what}[{i}]");
    }
}
