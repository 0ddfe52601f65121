using System.Globalization;
using Sightline.Generation;
using Sightline.Models.QwenVl;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;

namespace Sightline.Verification;

/// <summary>One case of a reference, run and compared.</summary>
internal sealed class CaseRun : IDisposable
{
    private const string PenaltyPrefix = "generate.repetition_penalty_";
    private readonly QwenVlModel _model;
    private readonly ReferenceFolder _reference;
    private readonly ReferenceCase _case;
    private readonly VerificationOptions _options;
    private readonly CancellationToken _cancellation;
    private readonly (int[] Ids, int[] Places)[] _prompts;
    private readonly List<TensorDifference> _differences = [];
    private readonly List<PictureFeatures> _pictures = [];
    private PromptLayout[] _layouts = [];

    public CaseRun(QwenVlModel model, ReferenceFolder reference, ReferenceCase stored, VerificationOptions options, CancellationToken cancellation)
    {
        (_model, _reference, _case, _options, _cancellation) = (model, reference, stored, options, cancellation);
        _prompts = stored.Prompts();
    }

    public IReadOnlyList<TensorDifference> Compare()
    {
        using var inference = Tape.NoGrad();
        using var scope = TensorScope.Open();
        if (_options.Processor is { } processor) _differences.AddRange(new PromptRun(_reference, _case, processor).Compare());
        ComparePositions();
        ComparePictures();
        CompareText();
        if (_case.Has("completion.ids") && _case.Has("completion.logprobs")) CompareCompletion();
        if (_options.Generates && _case.Names.Any(name => name.StartsWith("generate.", StringComparison.Ordinal))) CompareGenerated();
        return _differences;
    }

    public void Dispose()
    {
        foreach (var picture in _pictures) picture.Dispose();
    }

    /// <summary>All prompts as one step without padding, and where each place of the padded batch went (-1: padding).</summary>
    private LanguageModelInput Packed() => Steps.Packed(_prompts.Select(prompt => prompt.Ids), _layouts, _pictures);

    private void ComparePositions()
    {
        var grids = _case.Grids();
        var images = 0;
        _layouts = new PromptLayout[_prompts.Length];
        for (var b = 0; b < _prompts.Length; b++)
        {
            var own = Steps.PicturesOf(_prompts[b].Ids, grids.AsSpan(images), _model.Config);
            _layouts[b] = _model.Lay(_prompts[b].Ids, grids.AsSpan(images, own));
            images += own;
        }

        if (_case.Has("mm_token_type_ids"))
            CheckRows("mm_token_type_ids", [.. _prompts.SelectMany(prompt => prompt.Ids).Select(id => id == _model.Config.ImageTokenId ? 1.0 : 0)], 1, Tolerance.Exact);
        if (_case.Has("position_ids"))
        {
            var all = _case.Numbers("position_ids"); // [3, B, L]
            var plane = all.Length / 3;
            double[] expected = [.. _prompts.SelectMany(prompt => Enumerable.Range(0, 3).SelectMany(axis => prompt.Places.Select(place => all[(axis * plane) + place])))];
            Add("position_ids", expected, [.. _layouts.SelectMany(layout => layout.Positions).Select(position => (double)position)], Tolerance.Exact);
        }

        if (_case.Has("rope_deltas")) Add("rope_deltas", _case.Numbers("rope_deltas"), [.. _layouts.Select(layout => (double)layout.Delta)], Tolerance.Exact);
    }

    private void ComparePictures()
    {
        _cancellation.ThrowIfCancellationRequested();
        var grids = _case.Grids();
        if (grids.Length == 0) return;
        if (grids.Length != _case.Images.Count)
            throw new SightlineException(ErrorKind.BadData, $"{_reference.Path}: the case {_case.Name} names {_case.Images.Count} images and has {grids.Length} grids: write the reference again");
        if (_model.Vision.Windows(grids) is { } windows)
        {
            CheckWhole("vision.window_index", [.. windows.Order.Select(index => (double)index)], Tolerance.Exact);
            CheckWhole("vision.cu_window_seqlens", [.. windows.Bounds.Select(bound => (double)bound)], Tolerance.Exact);
        }

        using var scope = TensorScope.Open();
        using var pixels = _reference.OpenPixels();
        var patches = Op.Concat(0, [.. _case.Images.Select(key => pixels.Load($"{key}.pixel_values", DType.Float32))]);
        var (embeddings, levels) = _model.Vision.Forward(patches, grids, (name, value) => CheckWhole(name, Numbers(value), Tolerance.For(name)), _cancellation);
        var first = 0;
        foreach (var grid in grids)
        {
            var count = grid.Tokens(_model.Config.Vision.SpatialMergeSize);
            Tensor Rows(Tensor all) => Op.Slice(all, 0, first, count).Clone().AsParameter(requiresGrad: false);
            _pictures.Add(new PictureFeatures(grid, Rows(embeddings), [.. levels.Select(Rows)]));
            first += count;
        }
    }

    private void CompareText()
    {
        _cancellation.ThrowIfCancellationRequested();
        using var scope = TensorScope.Open();
        var last = _model.Forward(Packed(), null, (name, value) => CheckRows(name, Numbers(value), value.Shape[1], Tolerance.For(name)));
        if (!_case.Names.Any(name => name.StartsWith("logits", StringComparison.Ordinal))) return;
        var V = _model.Sizes.VocabularySize;
        var scores = Numbers(_model.Logits(last)); // [T, V]
        foreach (var name in (ReadOnlySpan<string>)["logits", "logits_bf16"]) CheckRows(name, scores, V, Tolerance.For(name));
        foreach (var name in (ReadOnlySpan<string>)["logits_last16", "logits_bf16_last16"])
        {
            if (!_case.Has(name)) continue;
            var kept = (int)_case.Sizes(name)[1];
            CheckRows(name, scores, V, Tolerance.For(name), place => ((place % _case.Length) - (_case.Length - kept), kept));
        }

        double[][] rows = [.. Enumerable.Range(0, scores.Length / V).Select(row => scores[(row * V)..((row + 1) * V)])];
        CheckRows("logits_logsumexp", [.. rows.Select(row => Scores.LogSumExp(row))], 1, Tolerance.For("logits_logsumexp"));
        CheckRows("logits_argmax", [.. rows.Select(row => (double)Scores.Best(row))], 1, Tolerance.Exact);
    }

    private void CompareCompletion()
    {
        _cancellation.ThrowIfCancellationRequested();
        using var scope = TensorScope.Open();
        if (_prompts is not [var prompt]) throw new SightlineException(ErrorKind.BadData, $"{_reference.Path}: the case {_case.Name} has a completion for {_prompts.Length} prompts, which must be one");
        int[] completion = [.. _case.Longs("completion.ids").Select(id => checked((int)id))];
        var layout = _model.Lay([.. prompt.Ids, .. completion], [.. _pictures.Select(picture => picture.Grid)]);
        var states = _model.Forward(Steps.Packed([[.. prompt.Ids, .. completion]], [layout], _pictures), null);
        var scores = Numbers(_model.Logits(Op.Slice(states, 0, prompt.Ids.Length - 1, completion.Length)));
        var V = _model.Sizes.VocabularySize;
        double[] ours = [.. completion.Select((id, i) => scores[(i * V) + id] - Scores.LogSumExp(scores.AsSpan(i * V, V)))];
        CheckWhole("completion.logprobs", ours, Tolerance.For("completion.logprobs"));
    }

    private void CompareGenerated()
    {
        var longest = _case.Names.Where(name => name.StartsWith("generate.", StringComparison.Ordinal)).Max(name => (int)_case.Sizes(name)[1]);
        using var generator = new GreedyRun(_model, Packed(), _layouts, longest, _cancellation);
        Compare("greedy", _options.EndTokens, 1);
        Compare("greedy32", [], 1);
        if (_case.StopToken is { } stop) Compare("stop", [stop], 1);
        foreach (var name in _case.Names.Where(name => name.StartsWith(PenaltyPrefix, StringComparison.Ordinal) && name.EndsWith("_ids", StringComparison.Ordinal)))
        {
            var number = name[PenaltyPrefix.Length..^"_ids".Length];
            if (!double.TryParse(number, NumberStyles.Float, CultureInfo.InvariantCulture, out var penalty))
                throw new SightlineException(ErrorKind.BadData, $"{_reference.Path}: {name} of the case {_case.Name} does not say which penalty was in force");
            Compare(name["generate.".Length..^"_ids".Length], _options.EndTokens, penalty);
        }

        void Compare(string what, IReadOnlyList<int> ends, double penalty)
        {
            var (ids, probabilities) = ($"generate.{what}_ids", $"generate.{what}_logprobs");
            if (!_case.Has(ids)) return;
            var length = (int)_case.Sizes(ids)[1];
            var expected = _case.Numbers(ids);
            var ours = generator.Generate(length, ends, penalty, [.. _prompts.Select(prompt => prompt.Ids)]);
            // what the reference puts after an end is padding
            int[] live = [.. Enumerable.Range(0, expected.Length).Where(i => i % length < ours[i / length].Ids.Count)];
            var sameLength = Enumerable.Range(0, ours.Length).All(b => ours[b].Ids.Count == LiveLength(expected.AsSpan(b * length, length), ends));
            Add(ids, sameLength ? [.. live.Select(i => expected[i])] : [.. expected, double.NaN], [.. ours.SelectMany(answer => answer.Ids).Select(id => (double)id)], Tolerance.Exact);
            if (!_case.Has(probabilities)) return;
            var logs = _case.Numbers(probabilities);
            Add(probabilities, [.. live.Select(i => logs[i])], [.. ours.SelectMany(answer => answer.LogProbabilities)], Tolerance.For(probabilities));
        }
    }

    private static int LiveLength(ReadOnlySpan<double> ids, IReadOnlyList<int> ends)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            if (ends.Contains((int)ids[i])) return i + 1;
        }

        return ids.Length;
    }

    private static double[] Numbers(Tensor tensor) => [.. tensor.ToArray<float>().Select(value => (double)value)];

    /// <summary>A tensor whose reference has the same elements.</summary>
    private void CheckWhole(string name, double[] ours, Tolerance tolerance)
    {
        if (_case.Has(name)) Add(name, _case.Numbers(name), ours, tolerance);
    }

    /// <summary>
    /// A tensor with a row for each token, against a reference with a row for each place of the padded batch: padding is left out.
    /// </summary>
    /// <param name="name">The reference.</param>
    /// <param name="ours">[T, columns].</param>
    /// <param name="columns">Numbers of a token.</param>
    /// <param name="tolerance">What is allowed.</param>
    /// <param name="rowOf">From a place of the batch to the row of its prompt that is stored, and how many are; null: all are.</param>
    private void CheckRows(string name, double[] ours, int columns, Tolerance tolerance, Func<int, (int Row, int Kept)>? rowOf = null)
    {
        if (!_case.Has(name)) return;
        var all = _case.Numbers(name);
        List<double> expected = [], found = [];
        var token = 0;
        foreach (var place in _prompts.SelectMany(prompt => prompt.Places))
        {
            var (row, kept) = rowOf?.Invoke(place) ?? (place % _case.Length, _case.Length);
            var start = ((place / _case.Length * kept) + row) * columns;
            if (row >= 0 && start + columns <= all.Length)
            {
                expected.AddRange(all.AsSpan(start, columns));
                found.AddRange(ours.AsSpan(token * columns, columns));
            }

            token++;
        }

        if (all.Length % columns != 0 || expected.Count == 0) expected = [double.NaN]; // other sizes: reported as off
        Add(name, [.. expected], [.. found], tolerance);
    }

    private void Add(string name, double[] expected, double[] ours, Tolerance tolerance) =>
        _differences.Add(TensorDifference.Of(_case.Name, name, expected, ours, tolerance == Tolerance.Exact ? tolerance : tolerance.Times(_options.ToleranceFactor)));
}
