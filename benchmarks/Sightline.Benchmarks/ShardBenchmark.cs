using System.Globalization;
using System.Text.Json;
using Sightline.Models.QwenVl;
using Sightline.Nn;
using Sightline.Tensors.Memory;
using Sightline.Training.Distributed;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Benchmarks;

/// <summary>
/// What each rank keeps of the optimizer's state and of the reference at the shapes of Qwen2-VL (ZeRO, stage 1): live bytes of <see cref="StageState"/>, one rank after the other. Weights are
/// never written, so that a model of 7B takes addresses and hardly any memory. <c>--full N</c> also measures all weights of the 2B model at N ranks or more (25 GiB / N at a time).
/// </summary>
internal static class ShardBenchmark
{
    private const int AdapterRank = 64;
    private static readonly int[] s_sizes = [1, 2, 4, 8];

    public static void Run(string[] arguments)
    {
        Console.WriteLine("GiB of moments and reference at each rank");
        foreach (var (name, hidden, inner, heads, keys, words, tied) in ((string, int, int, int, int, int, bool)[])[("2B", 1536, 8960, 12, 2, 151936, true), ("7B", 3584, 18944, 28, 4, 152064, false)])
        {
            var config = Config(hidden, inner, heads, keys, words, tied);
            using var adapters = LoraAdapters.Create(new LoraOptions { Rank = AdapterRank, Alpha = AdapterRank }, seed: 1);
            using (var frozen = ParameterStore.Unwritten(adapters))
            {
                _ = new QwenVlModel(config, frozen.Root);
                Measure($"{name}, adapters of rank {AdapterRank}", [.. adapters.Parameters], s_sizes, holdsReference: false);
            }

            if (name != "2B" || arguments is not ["--full", var least]) continue;
            using var all = ParameterStore.Unwritten();
            _ = new QwenVlModel(config, all.Root);
            Measure($"{name}, all weights", [.. all.All], s_sizes.Where(size => size >= int.Parse(least, CultureInfo.InvariantCulture)), holdsReference: true);
        }
    }

    private static void Measure(string name, IReadOnlyList<Parameter> parameters, IEnumerable<int> sizes, bool holdsReference)
    {
        var numbers = parameters.Sum(parameter => parameter.Value.Count);
        foreach (var size in sizes)
        {
            var ranks = new List<double>();
            for (var rank = 0; rank < size; rank++)
            {
                var before = NativePool.Shared.LiveBytes;
                using var state = new StageState(new LanguageStageRecipe { Kind = LanguageStageKind.Reinforcement, Steps = 1 }, 0, parameters, options: new AdamWOptions(), ranks: new OneOf(rank, size));
                if (holdsReference) state.HoldReference();
                ranks.Add((NativePool.Shared.LiveBytes - before) / (double)(1L << 30));
            }

            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name}, {numbers / 1e6:0} million trained, {size} ranks: {string.Join(", ", ranks.Select(kept => kept.ToString("0.00", CultureInfo.InvariantCulture)))}"));
        }
    }

    private static QwenVlConfig Config(int hidden, int inner, int heads, int keys, int words, bool tied)
    {
        using var json = JsonDocument.Parse(string.Create(CultureInfo.InvariantCulture, $$"""
            {
              "model_type": "qwen2_vl", "hidden_act": "silu", "hidden_size": {{hidden}}, "intermediate_size": {{inner}}, "num_hidden_layers": 28, "num_attention_heads": {{heads}},
              "num_key_value_heads": {{keys}}, "max_position_embeddings": 32768, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "tie_word_embeddings": {{(tied ? "true" : "false")}},
              "vocab_size": {{words}}, "vision_start_token_id": 151652, "vision_end_token_id": 151653, "image_token_id": 151655, "video_token_id": 151656, "rope_scaling": { "type": "mrope", "mrope_section": [16, 24, 24] },
              "vision_config": {
                "depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "in_chans": 3, "patch_size": 14, "spatial_merge_size": 2, "spatial_patch_size": 14, "temporal_patch_size": 2,
                "hidden_size": {{hidden}}, "hidden_act": "quick_gelu"
              }
            }
            """));
        return QwenVlConfig.Read(json.RootElement, "this shape");
    }

    /// <summary>A rank that meets no other: the state is dealt out without a word.</summary>
    private sealed class OneOf(int rank, int size) : Communicator
    {
        public override int Rank => rank;

        public override int Size => size;

        public override void Barrier() => throw Lonely();

        public override void Broadcast(Span<byte> bytes, int root) => throw Lonely();

        public override void AllGather(ReadOnlySpan<byte> own, Span<byte> all, ReadOnlySpan<int> lengths) => throw Lonely();

        public override void AllToAll(ReadOnlySpan<byte> send, ReadOnlySpan<int> sendLengths, Span<byte> receive, ReadOnlySpan<int> receiveLengths) => throw Lonely();

        public override void Abort(int exitCode) => throw Lonely();

        private static InvalidOperationException Lonely() => new("there is no other rank");
    }
}
