using Sightline.Nn;
using Sightline.Tensors;
using Sightline.Tensors.Autograd;
using Sightline.Training.Optim;

namespace Sightline.Training.Distributed;

/// <summary>
/// Which rank keeps the optimizer's state of which parameter (ZeRO, stage 1: Rajbhandari et al. 2020): every rank has all weights, adds up the gradients of
/// what it owns, updates that, and hands the new weights out. Parameters are owned whole, since Muon needs whole matrices.
/// </summary>
internal sealed class ParameterShards
{
    private readonly Communicator _ranks;
    private readonly ITensorTransport? _transport;
    private readonly Parameter[] _trained;
    private readonly Dictionary<Parameter, int> _owners = new(ReferenceEqualityComparer.Instance);

    /// <summary>Deals out what is trainable now: what is kept for most first, each to the rank with the least so far.</summary>
    /// <param name="parameters">The model's.</param>
    /// <param name="ranks">Who they are dealt out to.</param>
    /// <param name="kept">Numbers that are kept for each number of a parameter; null: the same for all.</param>
    /// <param name="transport">How tensors travel; null: as the ranks choose (<see cref="TensorTransports"/>).</param>
    public ParameterShards(IReadOnlyList<Parameter> parameters, Communicator ranks, Func<Parameter, int>? kept = null, ITensorTransport? transport = null)
    {
        _ranks = ranks;
        _transport = transport;
        _trained = [.. parameters.Where(parameter => parameter.Value.RequiresGrad)];
        var loads = new long[ranks.Size];
        long Load(Parameter parameter) => parameter.Value.Count * (kept?.Invoke(parameter) ?? 1);
        foreach (var parameter in _trained.OrderByDescending(Load)) // stable: the same at every rank
        {
            var owner = Array.IndexOf(loads, loads.Min());
            loads[owner] += Load(parameter);
            _owners[parameter] = owner;
        }
    }

    /// <summary>What this rank updates, in the order of the model.</summary>
    public IEnumerable<Parameter> Own => _trained.Where(Owns);

    private ITensorTransport Transport => _transport ?? _ranks.TransportFor(_trained.Length > 0 ? _trained[0].Value.Engine : Engine.Default);

    /// <summary>Whether this rank updates a parameter. Of frozen ones nobody keeps anything.</summary>
    public bool Owns(Parameter parameter) => _owners.TryGetValue(parameter, out var owner) && owner == _ranks.Rank;

    /// <summary>
    /// Adds up the gradients of all ranks; those of parameters that other ranks own are dropped. A parameter that got a gradient anywhere has one.
    /// </summary>
    public void SumGradients()
    {
        if (_ranks.Size == 1) return;
        var reached = new double[_trained.Length];
        for (var p = 0; p < reached.Length; p++) reached[p] = _trained[p].Value.Grad is null ? 0 : 1;
        _ranks.Sum(reached);
        var gradients = new List<(Tensor, int)>();
        for (var p = 0; p < reached.Length; p++)
        {
            if (reached[p] == 0) continue;
            gradients.Add((Gradient(_trained[p].Value), _owners[_trained[p]]));
        }

        Transport.SumToOwners(gradients);
        foreach (var parameter in _trained.Where(parameter => !Owns(parameter))) parameter.Value.ClearGrad();
    }

    /// <summary>The norm of the whole gradient, after <see cref="SumGradients"/>: added up parameter after parameter, whoever owns them.</summary>
    public double Norm()
    {
        if (_ranks.Size == 1) return GradientClipping.Norm(_trained);
        var squares = new double[_trained.Length];
        for (var p = 0; p < squares.Length; p++)
        {
            if (_trained[p].Value.Grad is { } gradient) squares[p] = gradient.Engine.SquaredNorm(gradient);
        }

        _ranks.Sum(squares); // all but one are 0
        return Math.Sqrt(squares.Sum());
    }

    /// <summary>Hands out the weights that their owners have changed.</summary>
    public void ShareWeights()
    {
        if (_ranks.Size > 1) Transport.CopyFromOwners([.. _trained.Select(parameter => (parameter.Value, _owners[parameter]))]);
    }

    /// <summary>A gradient that can be written to: zeros where there is none, a copy where another tensor has the same memory.</summary>
    private static Tensor Gradient(Tensor weights)
    {
        if (weights.Grad is { Storage.References: 1 } own) return own;
        var gradient = weights.Grad?.Clone() ?? Tensor.Zeros(weights.Shape, weights.DType, weights.Engine);
        weights.ClearGrad();
        using var tape = Tape.Record();
        tape.Backward(weights, gradient);
        return weights.Grad!;
    }
}
