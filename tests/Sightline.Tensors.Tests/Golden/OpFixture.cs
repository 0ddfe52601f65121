using System.Collections.Concurrent;
using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Tensors.Tests.Golden;

/// <summary>
/// The reference cases of one operation (tests/fixtures/ops or another folder): a safetensors file with <c>case/kind.name</c> tensors and a
/// json file with the parameters and the size of honest rounding. Tolerances follow the fixtures' README.
/// </summary>
internal sealed class OpFixture
{
    private static readonly ConcurrentDictionary<(string Op, string Area), OpFixture> s_loaded = new();

    private readonly Dictionary<string, OpCase> _cases = [];

    private OpFixture(string op, string area)
    {
        Op = op;
        var tensors = SafetensorsFile.Read(Fixtures.Path(area, op + ".safetensors"));
        using var json = JsonDocument.Parse(File.ReadAllBytes(Fixtures.Path(area, op + ".json")));
        foreach (var entry in json.RootElement.GetProperty("cases").EnumerateArray())
        {
            var fixture = new OpCase(op, entry.Clone(), tensors);
            _cases.Add(fixture.Name, fixture);
        }
    }

    public string Op { get; }

    public OpCase this[string name] => _cases[name];

    public static OpFixture Load(string op, string area = "ops") => s_loaded.GetOrAdd((op, area), key => new OpFixture(key.Op, key.Area));

    /// <summary>For <c>[MemberData]</c>: the names of all cases.</summary>
    public static TheoryData<string> Names(string op, string area = "ops") => new(Load(op, area)._cases.Keys);
}
