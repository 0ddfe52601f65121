using System.Text.Json;
using Sightline.Testing;

namespace Sightline.Cli.Tests.Commands;

/// <summary>A tiny Qwen2-VL, three problems about two small pictures, and a recipe of two stages, in a folder that goes away.</summary>
internal sealed class TinyTuning : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("sightline-tune-").FullName;

    public TinyTuning(string model = "tiny-qwen2-vl", string extra = "")
    {
        foreach (var name in new[] { "a.png", "c.png" }) File.Copy(Fixtures.Path("qwen", "model_goldens", "images", name), At(name));
        File.WriteAllLines(At("problems.jsonl"),
        [
            """{"id": "one", "pictures": ["a.png"], "prompt": "Where is the red square? Answer with (x1,y1),(x2,y2).", "solution": "(100,100),(500,500)", "answer": "(100,100),(500,500)"}""",
            """{"id": "two", "pictures": ["c.png"], "prompt": "<image>Where is the star?", "solution": "(10,20),(400,800)", "answer": "(10,20),(400,800)"}""",
            """{"id": "three", "pictures": ["a.png"], "prompt": "Name it.", "label": "cup", "box_frame": "thousandths", "boxes": [{"label": "cup", "box": [0, 0, 1000, 500]}], "answer": "a cup"}""",
        ]);
        File.WriteAllText(Path, $$"""
        {
          "name": "tiny-tuning",
          "seed": 3,
          "model": { "checkpoint": {{JsonSerializer.Serialize(Fixtures.Path("models", model))}}, "adapters": { "rank": 4, "alpha": 8 } },
          "train": [ { "name": "shapes", "problems": {{JsonSerializer.Serialize(At("problems.jsonl"))}} } ],
          "validation": [ { "name": "held", "problems": {{JsonSerializer.Serialize(At("problems.jsonl"))}}, "count": 1 } ],
          "stages": [
            { "kind": "Supervised", "steps": 2, "prompts": 2, "batch": 2, "learning_rate": 1e-2, "save_every": 1 },
            {
              "kind": "Reinforcement", "steps": 3, "prompts": 2, "group": 3, "batch": 4, "maximum_completion": 8, "learning_rate": 1e-2, "save_every": 1, "show_every": 1,
              "rewards": [ { "name": "test/letters", "assembly": {{JsonSerializer.Serialize(typeof(LettersReward).Assembly.Location)}} }, { "name": "sightline/box_iou", "weight": 0.5 } ]{{extra}}
            }
          ]
        }
        """);
    }

    public string Path => At("recipe.json");

    public string At(params string[] parts) => System.IO.Path.Combine([_folder, .. parts]);

    public static string Adapters(string run) => System.IO.Path.Combine(run, "model", "adapter_model.safetensors");

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
