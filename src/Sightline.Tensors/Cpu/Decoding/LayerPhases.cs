using Sightline.Tensors.Cpu.Attention;
using Sightline.Tensors.Cpu.Kernels;
using Sightline.Tensors.Cpu.Quantized;
using Sightline.Tensors.Cpu.Threading;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors.Cpu.Decoding;

/// <summary>
/// A <see cref="DecoderLayer"/> for a few rows as phases of one job: what lies between two products is too short to be handed over by itself. Every step is that of the operation
/// it stands for, on the same numbers in the same order.
/// <para>T rows of C channels, H query heads and Hkv key heads of D channels, I hidden channels.</para>
/// </summary>
internal readonly unsafe struct LayerPhases : IPhases
{
    private const int GroupsPerPiece = 16;
    private readonly QuantizedRows _inputs;
    private readonly QuantizedRows _attended;
    private readonly QuantizedRows _normed;
    private readonly QuantizedRows _hidden;
    private readonly QuantizedProduct _query;
    private readonly QuantizedProduct _key;
    private readonly QuantizedProduct _value;
    private readonly QuantizedProduct _output;
    private readonly QuantizedProduct _gate;
    private readonly QuantizedProduct _up;
    private readonly QuantizedProduct _down;
    private readonly QuantizeRows _quantizeInputs;
    private readonly QuantizeRows _quantizeAttended;
    private readonly QuantizeRows _quantizeNormed;
    private readonly QuantizeRows _quantizeHidden;
    private readonly AttentionFewQueries _attention;
    private readonly HeadMatrix _keys;
    private readonly HeadMatrix _values;
    private readonly float* _x;
    private readonly float* _y;
    private readonly float* _n;
    private readonly float* _q;
    private readonly float* _k;
    private readonly float* _v;
    private readonly float* _g;
    private readonly float* _u;
    private readonly float* _cos;
    private readonly float* _sin;
    private readonly float* _inputNorm;
    private readonly float* _norm;
    private readonly float* _queryNorm;
    private readonly float* _keyNorm;
    private readonly int* _slots;
    private readonly float _epsilon;
    private readonly int _rows;
    private readonly int _channels;
    private readonly int _heads;
    private readonly int _keyHeads;
    private readonly int _headSize;

    /// <param name="layer">The weights.</param>
    /// <param name="step">The rows.</param>
    /// <param name="y">Result, [T, C].</param>
    /// <param name="groups">The query ranges of the layout, each of few queries.</param>
    /// <param name="slots">Of the rows, [T].</param>
    /// <param name="memory"><see cref="FloatsFor"/> floats.</param>
    public LayerPhases(DecoderLayer layer, in DecoderStep step, Tensor y, int[] groups, int* slots, float* memory)
    {
        (_rows, _channels) = (step.X.Shape[0], step.X.Shape[1]);
        (_heads, _keyHeads, _headSize) = (layer.Heads, layer.KeyHeads, layer.HeadSize);
        _x = step.X.F32;
        _y = y.F32;
        _cos = step.Cos.F32;
        _sin = step.Sin.F32;
        _slots = slots;
        _inputNorm = layer.InputNorm.F32;
        _norm = layer.Norm.F32;
        _queryNorm = Numbers(layer.QueryNorm);
        _keyNorm = Numbers(layer.KeyNorm);
        _epsilon = layer.Epsilon;
        (_keys, _values) = (new HeadMatrix(step.Keys), new HeadMatrix(step.Values));
        _n = memory;
        _q = _n + Padded(_rows * _channels);
        _k = _q + Padded(_rows * layer.Query.OutputSize);
        _v = _k + Padded(_rows * layer.Key.OutputSize);
        _g = _v + Padded(_rows * layer.Value.OutputSize);
        _u = _g + Padded(_rows * layer.Gate.OutputSize);
        var attended = _u + Padded(_rows * layer.Gate.OutputSize);
        var logSumExp = attended + Padded(_rows * layer.Query.OutputSize);

        _inputs = Rows(layer.Query);
        _attended = Rows(layer.Output);
        _normed = Rows(layer.Gate);
        _hidden = Rows(layer.Down);
        _quantizeInputs = Quantize(_inputs, _n, layer.Query);
        _quantizeAttended = Quantize(_attended, attended, layer.Output);
        _quantizeNormed = Quantize(_normed, _n, layer.Gate);
        _quantizeHidden = Quantize(_hidden, _g, layer.Down);
        _query = Product(layer.Query, _inputs, layer.QueryBias, _q);
        _key = Product(layer.Key, _inputs, layer.KeyBias, _k);
        _value = Product(layer.Value, _inputs, layer.ValueBias, _v);
        _output = Product(layer.Output, _attended, layer.OutputBias, _y, _x);
        _gate = Product(layer.Gate, _normed, null, _g);
        _up = Product(layer.Up, _normed, null, _u);
        _down = Product(layer.Down, _hidden, null, _y, _y);
        var (queries, output) = (new HeadMatrix((byte*)_q, DType.Float32, _rows, _heads, _headSize), new HeadMatrix((byte*)attended, DType.Float32, _rows, _heads, _headSize));
        _attention = new AttentionFewQueries(queries, _keys, _values, output, logSumExp, step.Layout, 1f / MathF.Sqrt(_headSize), groups);
    }

    private enum Phase
    {
        NormInputs,
        QueryKeyValue,
        Turn,
        Attend,
        QuantizeAttended,
        Output,
        Norm,
        GateUp,
        QuantizeHidden,
        Down,
        Count,
    }

    /// <inheritdoc/>
    public int Phases => (int)Phase.Count;

    /// <summary>Floats of the memory that the phases share.</summary>
    public static long FloatsFor(DecoderLayer layer, int rows) =>
        Padded(rows * layer.InputNorm.Count) + (2 * Padded(rows * layer.Query.OutputSize)) + (2 * Padded(rows * layer.Key.OutputSize)) + (2 * Padded(rows * layer.Gate.OutputSize)) + Padded(rows * layer.Heads);

    /// <inheritdoc/>
    public int Pieces(int phase) => (Phase)phase switch
    {
        Phase.QueryKeyValue => _query.Layout.Blocks + _key.Layout.Blocks + _value.Layout.Blocks,
        Phase.Attend => _attention.Pieces,
        Phase.Output => _output.Layout.Blocks,
        Phase.GateUp => _gate.Layout.Blocks,
        Phase.QuantizeHidden => _rows * HiddenPieces,
        Phase.Down => _down.Layout.Blocks,
        _ => _rows,
    };

    private int HiddenPieces => (_down.Layout.Groups + GroupsPerPiece - 1) / GroupsPerPiece;

    /// <inheritdoc/>
    public void Run(int phase, int piece)
    {
        switch ((Phase)phase)
        {
            case Phase.NormInputs:
                Norm(_x + ((long)piece * _channels), _inputNorm, _n + ((long)piece * _channels), _channels);
                _quantizeInputs.Run(0, piece, 0, _query.Layout.Groups);
                break;
            case Phase.QueryKeyValue: RunQueryKeyValue(piece); break;
            case Phase.Turn: Turn(piece); break;
            case Phase.Attend: _attention.Run(piece); break;
            case Phase.QuantizeAttended: _quantizeAttended.Run(0, piece, 0, _output.Layout.Groups); break;
            case Phase.Output: ThinBlocks.Run(_output, piece); break;
            case Phase.Norm:
                Norm(_y + ((long)piece * _channels), _norm, _n + ((long)piece * _channels), _channels);
                _quantizeNormed.Run(0, piece, 0, _gate.Layout.Groups);
                break;
            case Phase.GateUp: RunGateUp(piece); break;
            case Phase.QuantizeHidden:
                var (row, part) = Math.DivRem(piece, HiddenPieces);
                _quantizeHidden.Run(0, row, part * GroupsPerPiece, Math.Min((part + 1) * GroupsPerPiece, _down.Layout.Groups));
                break;
            case Phase.Down: ThinBlocks.Run(_down, piece); break;
        }
    }

    /// <summary>Gives the rows' memory back.</summary>
    public void Release()
    {
        _inputs.Release();
        _attended.Release();
        _normed.Release();
        _hidden.Release();
    }

    private static float* Numbers(Tensor? tensor) => tensor is null ? null : tensor.F32;

    /// <summary>To whole cache lines.</summary>
    private static long Padded(long floats) => (floats + 15) & ~15L;

    private QuantizedRows Rows(QuantizedWeight weight) => new(_rows, _rows, weight.Layout.Units, weight.Layout.Groups, ThinBlocks.ActivationBytes(weight.Format));

    private QuantizeRows Quantize(QuantizedRows target, float* source, QuantizedWeight weight)
    {
        var rows = new QuantizeRows.Source((byte*)source, DType.Float32, _rows, weight.InputSize, null);
        return new QuantizeRows(target, rows, weight.Layout, ThinBlocks.ActivationBytes(weight.Format), RowRounding.First);
    }

    private QuantizedProduct Product(QuantizedWeight weight, QuantizedRows rows, Tensor? bias, float* target, float* addend = null) =>
        new(weight.Layout, weight.Blocks, weight.ChannelScales, rows, _rows, Numbers(bias), target, addend: addend);

    private void Norm(float* x, float* weight, float* target, int count)
    {
        var kernel = new CpuEngine.NormRow(x, target, weight, null, count, _epsilon, centered: false);
        Reductions.Dispatch(ref kernel);
    }

    private void RunQueryKeyValue(int piece)
    {
        var (queries, keys) = (_query.Layout.Blocks, _key.Layout.Blocks);
        if (piece < queries) ThinBlocks.Run(_query, piece);
        else if (piece < queries + keys) ThinBlocks.Run(_key, piece - queries);
        else ThinBlocks.Run(_value, piece - queries - keys);
    }

    /// <summary>Turns a row's queries and keys to its position, and puts keys and values into the cache.</summary>
    private void Turn(int row)
    {
        for (var head = 0; head < _heads; head++) TurnHead(_q + ((((long)row * _heads) + head) * _headSize), _queryNorm, row);
        for (var head = 0; head < _keyHeads; head++)
        {
            var at = (((long)row * _keyHeads) + head) * _headSize;
            TurnHead(_k + at, _keyNorm, row);
            CpuEngine.Narrow(_k + at, _keys.At(_slots[row], head), _keys.Type, _headSize);
            CpuEngine.Narrow(_v + at, _values.At(_slots[row], head), _values.Type, _headSize);
        }
    }

    private void TurnHead(float* head, float* weight, int row)
    {
        if (weight != null) Norm(head, weight, head, _headSize);
        var half = _headSize / 2;
        var kernel = new CpuEngine.RotateRow(head, _cos + ((long)row * half), _sin + ((long)row * half), head, half, inverse: false);
        Reductions.Dispatch(ref kernel);
    }

    private void RunGateUp(int block)
    {
        ThinBlocks.Run(_gate, block);
        ThinBlocks.Run(_up, block);
        var (hidden, first) = (_gate.Layout.OutputSize, block * PanelLayout.BlockChannels);
        var count = Math.Min(PanelLayout.BlockChannels, hidden - first);
        for (var row = 0; row < _rows; row++)
        {
            var gate = _g + ((long)row * hidden) + first;
            Elementwise.Map(gate, gate, count, default(SiluKernel));
            Elementwise.Map(gate, _u + ((long)row * hidden) + first, gate, count, default(MulKernel));
        }
    }
}
