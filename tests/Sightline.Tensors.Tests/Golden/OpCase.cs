using System.Runtime.InteropServices;
using System.Text.Json;
using Sightline.Tensors.Autograd;

namespace Sightline.Tensors.Tests.Golden;

/// <summary>One reference case: inputs, results, the gradient put on the results, and the gradients of the inputs.</summary>
internal sealed class OpCase(string op, JsonElement json, IReadOnlyDictionary<string, SafetensorsFile.Entry> tensors)
{
    public string Name { get; } = json.GetProperty("name").GetString()!;

    public JsonElement Params { get; } = json.GetProperty("params");

    public int Int(string name, int otherwise = 0) => Params.TryGetProperty(name, out var value) ? value.GetInt32() : otherwise;

    public float Float(string name, float otherwise = 0) => Params.TryGetProperty(name, out var value) ? value.GetSingle() : otherwise;

    public bool Bool(string name, bool otherwise = false) => Params.TryGetProperty(name, out var value) ? value.GetBoolean() : otherwise;

    public string? Text(string name) => Params.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    public bool Has(string kindAndName) => tensors.ContainsKey($"{Name}/{kindAndName}");

    /// <summary>An input; a float one requires a gradient when the case has one for it.</summary>
    public Tensor Input(string name)
    {
        var tensor = Entry("in." + name).ToTensor();
        tensor.RequiresGrad = Has("grad." + name);
        return tensor;
    }

    public Tensor? OptionalInput(string name) => Has("in." + name) ? Input(name) : null;

    /// <summary>The tensor put as gradient on an output.</summary>
    public Tensor Upstream(string output = "out") => Entry("gout." + output).ToTensor();

    /// <summary>Compares a result: <c>|a - b| ≤ max(atol, 10 · fp64 difference) + rtol · |b|</c>.</summary>
    public void CheckOutput(Tensor actual, string name = "out", double atol = 2e-6, double rtol = 2e-6) =>
        Check(actual, Entry("out." + name), $"{op}/{Name} out.{name}", Rounding("outputs", name), atol, rtol);

    /// <summary>Compares the gradient of an input; does nothing when the case has none for it.</summary>
    public void CheckGrad(Tensor? input, string name, double atol = 1e-5, double rtol = 1e-5)
    {
        if (!Has("grad." + name)) return;
        Assert.NotNull(input?.Grad);
        Check(input.Grad, Entry("grad." + name), $"{op}/{Name} grad.{name}", Rounding("grads", name), atol, rtol);
    }

    /// <summary>
    /// Runs an operation with one output under a tape, compares the result, and, when the case has gradients, carries the
    /// stored upstream gradient back and compares those of the named inputs.
    /// </summary>
    public void Run(IReadOnlyDictionary<string, Tensor?> inputs, Func<Tensor> operation, double atol = 2e-6, double gradAtol = 1e-5)
    {
        using var tape = Tape.Record();
        var y = operation();
        CheckOutput(y, atol: atol);
        if (!Has("gout.out")) return;
        tape.Backward(y, Upstream());
        foreach (var (name, input) in inputs) CheckGrad(input, name, gradAtol);
    }

    private static void Check(Tensor actual, SafetensorsFile.Entry expected, string what, double rounding, double atol, double rtol)
    {
        Assert.True(expected.Shape.SequenceEqual(actual.Shape.ToArray()), $"{what}: shape {actual.Shape}, expected [{string.Join(", ", expected.Shape)}]");
        if (expected.DType is "I64" or "BOOL")
        {
            Assert.Equal(expected.Bytes, actual.DType == DType.Bool ? MemoryMarshal.AsBytes<bool>(actual.ToArray<bool>()).ToArray() : MemoryMarshal.AsBytes<long>(actual.ToArray<long>()).ToArray());
            return;
        }

        var a = actual.ToArray<float>();
        var b = expected.Floats();
        for (var i = 0; i < b.Length; i++)
        {
            var bound = Math.Max(atol, 10 * rounding) + (rtol * Math.Abs(b[i]));
            var fits = a[i].Equals(b[i]) || Math.Abs((double)a[i] - b[i]) <= bound;
            Assert.True(fits, $"{what}[{i}]: got {a[i]:R}, expected {b[i]:R}, allowed difference {bound:E2}");
        }
    }

    private SafetensorsFile.Entry Entry(string kindAndName) => tensors[$"{Name}/{kindAndName}"];

    private double Rounding(string group, string name) =>
        json.TryGetProperty(group, out var entries) && entries.TryGetProperty(name, out var entry)
        && entry.TryGetProperty("fp64_max_abs_diff", out var value) && value.ValueKind == JsonValueKind.Number
            ? value.GetDouble()
            : 0;
}
