using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Tensors.Ops;

namespace Sightline.Tests.Generation;

/// <summary>
/// A small language model with random weights: token vectors and positions, two layers of causal attention with grouped heads and a gate, scores by the token
/// table. Depends on every token that it should see, on its position and on pictures. <see cref="BeforeStep"/> sees every step.
/// </summary>
internal sealed class ScriptedModel : ILanguageModel, IDisposable
{
    public const int ImageToken = 1;
    private const int H = 4;
    private const int Hkv = 2;
    private const int D = 40;
    private const int C = H * D; // 160: long enough for the kernels of few rows
    private readonly Tensor _tokens;
    private readonly Tensor[][] _layers;

    public ScriptedModel(int vocabulary = 300, ulong seed = 1, int context = 4096)
    {
        Sizes = new LanguageModelSizes(2, Hkv, D, C, vocabulary, context);
        var random = new RandomStream(seed);
        _tokens = Weight(random, vocabulary, 1);
        _layers = [.. Enumerable.Range(0, 2).Select(_ => (Tensor[])[Weight(random, C, 0.2), Weight(random, Hkv * D, 0.2), Weight(random, Hkv * D, 0.1), Weight(random, C, 0.1), Weight(random, C, 0.1)])];
    }

    public LanguageModelSizes Sizes { get; }

    public Action<LanguageModelInput>? BeforeStep { get; set; }

    public Action? BeforeEncode { get; set; }

    public int Encoded { get; private set; }

    public PromptLayout Lay(ReadOnlySpan<int> ids, ReadOnlySpan<PictureGrid> pictures)
    {
        if (ids.Length > Sizes.ContextLength) throw new SightlineException(ErrorKind.Usage, $"the prompt has {ids.Length} tokens, the context {Sizes.ContextLength}");
        var positions = new long[ids.Length * 3];
        for (var i = 0; i < positions.Length; i++) positions[i] = i % ids.Length;
        var places = new List<PicturePlace>();
        var at = 0;
        foreach (var grid in pictures)
        {
            at += ids[at..].IndexOf(ImageToken);
            places.Add(new PicturePlace(at, grid.Tokens()));
            at += grid.Tokens();
        }

        return new PromptLayout(positions, ids.Length, places);
    }

    public PictureFeatures Encode(PicturePatches picture, CancellationToken cancellation = default)
    {
        BeforeEncode?.Invoke();
        cancellation.ThrowIfCancellationRequested();
        Encoded++;
        var random = new RandomStream((ulong)(picture.Values.Span[0] * 1000));
        var rows = picture.Grid.Tokens();
        return new PictureFeatures(picture.Grid, Weight(random, rows, 1), []);
    }

    public Tensor Forward(LanguageModelInput input, KeyValueCache? cache)
    {
        BeforeStep?.Invoke(input);
        var T = input.Ids.Length;
        var x = Embed(input);
        for (var layer = 0; layer < _layers.Length; layer++)
        {
            var w = _layers[layer];
            var q = Op.Reshape(Op.Linear(x, w[0]), T, H, D);
            var (k, v) = (Op.Reshape(Op.Linear(x, w[1]), T, Hkv, D), Op.Reshape(Op.Linear(x, w[2]), T, Hkv, D));
            if (cache is not null)
            {
                cache.Write(layer, k, v, input.Slots.Span);
                (k, v) = (cache.Keys(layer, input.Layout.KeyEnd), cache.Values(layer, input.Layout.KeyEnd));
            }

            var y = Op.Linear(Op.Reshape(Op.Attention(q, k, v, input.Layout), T, C), w[3]);
            x = Op.Add(x, Op.Mul(Op.Silu(y), Op.Linear(x, w[4])));
        }

        return x;
    }

    public Tensor Logits(Tensor states) => Op.Linear(states, _tokens);

    public void Dispose()
    {
        _tokens.Dispose();
        foreach (var weight in _layers.SelectMany(layer => layer)) weight.Dispose();
    }

    public static PicturePatches Picture(float value, int tokens) => new(new float[] { value }, new PictureGrid(1, 2, tokens * 2));

    private Tensor Embed(LanguageModelInput input)
    {
        var T = input.Ids.Length;
        var x = Op.IndexRows(_tokens, Tensor.From([.. input.Ids.ToArray().Select(id => (long)id)], [T]));
        var added = new float[T * C];
        for (var t = 0; t < T; t++)
        {
            for (var c = 0; c < C; c++) added[(t * C) + c] = 0.5f * MathF.Sin(input.Positions.Span[t] * (0.1f + (c * 0.03f)));
        }

        foreach (var run in input.Pictures)
        {
            var rows = run.Features.Embeddings.ToArray<float>();
            for (var i = 0; i < run.Count * C; i++) added[(run.Token * C) + i] += rows[(run.Row * C) + i];
        }

        return Op.Add(x, Tensor.From(added, [T, C]));
    }

    private static Tensor Weight(RandomStream random, int rows, double scale)
    {
        var values = new float[rows * C];
        for (var i = 0; i < values.Length; i++) values[i] = (float)(random.NextNormal() * scale);
        return Tensor.From(values, [rows, C]).AsParameter(requiresGrad: false);
    }
}
