using System.Text.Encodings.Web;
using System.Text.Json;
using Sightline.Checkpoints;
using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Text;

namespace Sightline.Models.QwenVl;

/// <summary>
/// Makes the folder of a new Qwen2-VL model with random weights, complete with tokenizer, chat template and picture settings: a start for training one's own small
/// model, and for trying things out without a download. It opens like a published one.
/// </summary>
public static class QwenVlFolder
{
    // as the published template, without a default system message: a small model would read the same words before every question
    private const string Template =
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{% if message['content'] is string %}{{ message['content'] }}"
        + "{% else %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<|vision_start|><|image_pad|><|vision_end|>"
        + "{% elif part['type'] == 'video' %}<|vision_start|><|video_pad|><|vision_end|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}<|im_end|>\n"
        + "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

    private const double TokenDeviation = 0.05;
    private const double SlowestWave = 0.5; // turns from the least number to the largest
    private const double FastestWave = 16;

    private static readonly JsonWriterOptions s_readable = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes the folder. The same arguments give the same bytes.</summary>
    /// <param name="folder">Where; files of the same names are replaced.</param>
    /// <param name="shape">Sizes.</param>
    /// <param name="vocabulary">Its tokens.</param>
    /// <param name="seed">Of the weights.</param>
    /// <param name="type">Element type of the stored weights; trained weights are stored alike.</param>
    /// <returns>The number of weights.</returns>
    /// <exception cref="SightlineException">Usage: sizes that do not fit each other. CannotWrite.</exception>
    public static long Create(string folder, QwenVlShape shape, WordVocabulary vocabulary, ulong seed, DType type = DType.BFloat16)
    {
        ArgumentNullException.ThrowIfNull(shape);
        ArgumentNullException.ThrowIfNull(vocabulary);
        shape.Check();
        var count = 0L;
        AtomicFolder.Write(folder, temporary =>
        {
            vocabulary.Write(temporary, shape.Context);
            WriteJson(temporary, "chat_template.json", json => json.WriteString("chat_template", Template));
            WriteJson(temporary, "preprocessor_config.json", json => WritePictures(json, shape));
            WriteJson(temporary, "generation_config.json", json => WriteGeneration(json, vocabulary));
            var path = WriteJson(temporary, "config.json", json => WriteConfig(json, shape, vocabulary));
            using var config = JsonDocument.Parse(File.ReadAllBytes(path));
            using var store = ParameterStore.Initialize(seed);
            _ = new QwenVlModel(QwenVlConfig.Read(config.RootElement, path), store.Root);
            WriteTable(store["model.embed_tokens.weight"].Value, vocabulary, new RandomStream(seed).Fork("tokens"));
            var writer = new SafetensorsWriter { Metadata = { ["format"] = "pt" } };
            foreach (var parameter in store.All) writer.Add(parameter.Path, parameter.Value, type);
            writer.Save(Path.Combine(temporary, "model.safetensors"));
            count = store.Count;
        });
        return count;
    }

    /// <summary>
    /// Token vectors. Those of numbers vary smoothly with their value (random Fourier features, Rahimi and Recht 2007), so that a model need not learn number by
    /// number which are near each other.
    /// </summary>
    private static void WriteTable(Tensor table, WordVocabulary vocabulary, RandomStream random)
    {
        var channels = table.Shape[1];
        var values = new float[table.Count];
        for (var i = 0; i < values.Length; i++) values[i] = (float)(TokenDeviation * random.NextNormal());
        var waves = Enumerable.Range(0, channels).Select(_ => (Turns: SlowestWave * Math.Pow(FastestWave / SlowestWave, random.NextDouble()), Phase: random.NextDouble())).ToArray();
        foreach (var (id, value) in vocabulary.Numbers)
        {
            for (var c = 0; c < channels; c++)
                values[(id * channels) + c] = (float)(TokenDeviation * Math.Sqrt(2) * Math.Cos(2 * Math.PI * ((waves[c].Turns * value / WordVocabulary.LargestNumber) + waves[c].Phase)));
        }

        table.Write<float>(values);
    }

    private static string WriteJson(string folder, string name, Action<Utf8JsonWriter> write)
    {
        var path = Path.Combine(folder, name);
        AtomicFile.Write(path, stream =>
        {
            using var json = new Utf8JsonWriter(stream, s_readable);
            json.WriteStartObject();
            write(json);
            json.WriteEndObject();
        });
        return path;
    }

    private static void WriteConfig(Utf8JsonWriter json, QwenVlShape shape, WordVocabulary vocabulary)
    {
        json.WriteStartArray("architectures");
        json.WriteStringValue("Qwen2VLForConditionalGeneration");
        json.WriteEndArray();
        json.WriteString("model_type", "qwen2_vl");
        json.WriteNumber("vocab_size", (vocabulary.Size + 63) / 64 * 64); // whole lanes
        json.WriteNumber("hidden_size", shape.HiddenSize);
        json.WriteNumber("intermediate_size", shape.IntermediateSize);
        json.WriteNumber("num_hidden_layers", shape.Layers);
        json.WriteNumber("max_window_layers", shape.Layers);
        json.WriteNumber("num_attention_heads", shape.Heads);
        json.WriteNumber("num_key_value_heads", shape.KeyHeads);
        json.WriteNumber("max_position_embeddings", shape.Context);
        json.WriteString("hidden_act", "silu");
        json.WriteNumber("rms_norm_eps", 1e-6);
        json.WriteNumber("rope_theta", shape.RopeTheta);
        json.WriteStartObject("rope_scaling");
        json.WriteString("type", "mrope");
        json.WriteStartArray("mrope_section");
        foreach (var pairs in shape.Sections) json.WriteNumberValue(pairs);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteBoolean("tie_word_embeddings", true);
        json.WriteBoolean("use_sliding_window", false);
        json.WriteBoolean("use_cache", true);
        json.WriteNumber("attention_dropout", 0);
        json.WriteNumber("initializer_range", 0.02);
        json.WriteNumber("bos_token_id", vocabulary.SpecialId("<|endoftext|>"));
        json.WriteNumber("eos_token_id", vocabulary.SpecialId("<|im_end|>"));
        foreach (var (key, token) in (ReadOnlySpan<(string, string)>)[("vision_start", "vision_start"), ("vision_end", "vision_end"), ("vision", "vision_pad"), ("image", "image_pad"), ("video", "video_pad")])
            json.WriteNumber($"{key}_token_id", vocabulary.SpecialId($"<|{token}|>"));
        json.WriteStartObject("vision_config");
        json.WriteNumber("depth", shape.VisionDepth);
        json.WriteNumber("embed_dim", shape.VisionChannels);
        json.WriteNumber("num_heads", shape.VisionHeads);
        json.WriteNumber("mlp_ratio", 4);
        json.WriteNumber("in_chans", 3);
        json.WriteNumber("patch_size", shape.PatchSize);
        json.WriteNumber("spatial_patch_size", shape.PatchSize);
        json.WriteNumber("spatial_merge_size", shape.MergeSize);
        json.WriteNumber("temporal_patch_size", 2);
        json.WriteNumber("hidden_size", shape.HiddenSize);
        json.WriteString("hidden_act", "quick_gelu");
        json.WriteEndObject();
    }

    private static void WritePictures(Utf8JsonWriter json, QwenVlShape shape)
    {
        json.WriteString("image_processor_type", "Qwen2VLImageProcessor");
        json.WriteString("processor_class", "Qwen2VLProcessor");
        json.WriteNumber("min_pixels", shape.Pixels.Fewest);
        json.WriteNumber("max_pixels", shape.Pixels.Most);
        json.WriteNumber("patch_size", shape.PatchSize);
        json.WriteNumber("temporal_patch_size", 2);
        json.WriteNumber("merge_size", shape.MergeSize);
    }

    private static void WriteGeneration(Utf8JsonWriter json, WordVocabulary vocabulary)
    {
        json.WriteNumber("bos_token_id", vocabulary.SpecialId("<|endoftext|>"));
        json.WriteNumber("pad_token_id", vocabulary.SpecialId("<|endoftext|>"));
        json.WriteStartArray("eos_token_id");
        json.WriteNumberValue(vocabulary.SpecialId("<|im_end|>"));
        json.WriteNumberValue(vocabulary.SpecialId("<|endoftext|>"));
        json.WriteEndArray();
        json.WriteBoolean("do_sample", false);
    }
}
