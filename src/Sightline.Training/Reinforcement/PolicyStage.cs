using System.Globalization;
using Sightline.Generation;
using Sightline.Tensors;
using Sightline.Training.Distributed;
using Sightline.Training.Optim;
using Sightline.Training.Recipes;
using Sightline.Training.Runs;

namespace Sightline.Training.Reinforcement;

/// <summary>
/// Group-relative policy optimisation (Shao et al. 2024; for pictures Liu et al. 2025, Visual-RFT), step by step: answers, rewards, advantages, reference,
/// loss, update. Departures from TRL's trainer: a prompt is computed once for its whole group, in sampling and in learning, forward and backward; the sampler's
/// ln-probabilities are those of the learner, bit for bit, so the old policy needs no pass of its own; ln-probabilities are those of the policy at temperature 1 whatever the
/// temperature of sampling; groups without spread are left out (a recipe may keep them).
/// </summary>
internal sealed class PolicyStage : IRunStage
{
    private const double RunningShare = 0.9; // of the running mean of rewards, a step
    private readonly TunedModel _model;
    private readonly LanguageStageRecipe _recipe;
    private readonly ProblemMixture _problems;
    private readonly ProblemReading _reading;
    private readonly RolloutSampler _sampler;
    private readonly AnswerScorer _scorer;
    private readonly PolicyLossOptions _loss;
    private readonly ValidationMeasure _validation;
    private readonly Reporting.RolloutLog? _log;
    private readonly TimeProvider _clock;
    private readonly RandomStream _random;
    private readonly Dictionary<string, float> _figures = [];
    private readonly Communicator _ranks;
    private readonly int _first;  // of this process's prompts, among all of a step
    private readonly int _count;
    private TimeSpan _scoring;    // of this step's answers, those that were drawn again included

    public PolicyStage(RunParts parts, int index, RunCheckpoint? resumed)
    {
        (_model, _reading, _log, _clock, _ranks) = (parts.Model, parts.Reading, parts.Log, parts.Clock, parts.Ranks);
        _recipe = parts.Recipe.Stages[index];
        _ranks.RequireWork(_recipe.Prompts, index, "prompts");
        (_first, _count) = _ranks.ShareOf(_recipe.Prompts);
        _scorer = new AnswerScorer(_recipe.Rewards, $"stages[{index}]");
        _loss = _recipe.ToLossOptions();
        _problems = parts.ProblemsOf(_recipe);
        _random = new RandomStream(parts.Recipe.Seed).Fork("rollouts").Fork((ulong)index);
        State = new StageState(_recipe, index, _model.Parameters, _model.Paths, new AdamWOptions(), _ranks);
        // where fresh adapters are trained and nothing came before, the model without them is the reference
        var isOwnReference = index == 0 && _model.Adapters is not null && parts.Recipe.Model.AdaptersFrom is null;
        if (_loss.Beta > 0 && !isOwnReference) State.HoldReference();
        resumed?.Restore(State);
        _sampler = new RolloutSampler(_model);
        _validation = new ValidationMeasure(parts, _recipe, _scorer, _sampler);
    }

    public StageState State { get; }

    public string Kind => _recipe.Kind.ToString();

    public int SamplesAStep => _recipe.Prompts * _recipe.Group;

    public TimeSpan Waited => TimeSpan.Zero;

    public int MostRollbacks => _recipe.Tripwires.Rollbacks;

    public IReadOnlyDictionary<string, float> RunStep(CancellationToken cancellation)
    {
        _figures.Clear();
        _scoring = TimeSpan.Zero;
        var from = _clock.GetTimestamp();
        var groups = Answer(cancellation);
        from = Lap("seconds_sampling", from, -_scoring);
        var advantages = Judge(groups);
        Lap("seconds_scoring", from, _scoring);
        if (_ranks.Any(cancellation.IsCancellationRequested)) throw new OperationCanceledException(cancellation); // from here on the state changes, and the step is finished
        if (_recipe.ShowEvery > 0 && State.Step % _recipe.ShowEvery == 0) Show(groups);
        WatchRewards();
        var keeps = _recipe.Idle == IdleGroups.Keep;
        if (keeps || advantages.IdleGroups < advantages.Groups.Count)
        {
            using var learner = new PolicyLearner(_model, [.. groups.Where((_, g) => keeps || !advantages.Groups[_first + g].IsIdle)], _loss, _recipe, _sampler, _clock, _ranks);
            from = _clock.GetTimestamp();
            learner.ScoreReference(State);
            from = Lap("seconds_reference", from);
            for (var update = 0; update < _recipe.Updates; update++) Learn(learner, update);
            Lap("seconds_learning", from);
        }

        return _figures;
    }

    public void OnRestored() => _sampler.Dispose(); // prompts of the old weights, and answers under way where scores were no numbers; the next call begins anew

    public IReadOnlyList<IMeasurement> Measure(CancellationToken cancellation)
    {
        _sampler.Forget(); // the averaged weights may stand in place of the others
        var scores = _validation.Run(cancellation);
        _sampler.Forget();
        return scores;
    }

    public void Dispose()
    {
        _sampler.Dispose();
        State.Dispose();
    }

    /// <summary>Keeps the answers of all processes for the viewer.</summary>
    private void Show(List<RolloutGroup> groups)
    {
        foreach (var lines in _ranks.Gather(Reporting.RolloutLog.Lines(State.Index, State.Step + 1, _scorer.Names, groups))) _log?.Add(lines);
    }

    /// <summary>This process's part of the step's problems with their answers; idle groups are replaced where the recipe says so.</summary>
    private List<RolloutGroup> Answer(CancellationToken cancellation)
    {
        _scorer.Errors = 0;
        var random = _random.Fork((ulong)State.Step).Fork((ulong)State.Rollbacks);
        var groups = Sample(random, round: 0, _first, [.. Enumerable.Range(_first, _count).Select(p => ((long)State.Step * _recipe.Prompts) + p)], cancellation);
        var redrawn = 0;
        for (var round = 1; _recipe.Idle == IdleGroups.Resample && round <= _recipe.Redraws; round++)
        {
            int[] idle = [.. Enumerable.Range(0, groups.Count).Where(g => groups[g].Answers.All(answer => answer.Reward == groups[g].Answers[0].Reward))];
            var byRank = _ranks.Numbers(idle.Length);
            if (byRank.Sum() == 0) break;
            var before = (int)byRank.Take(_ranks.Rank).Sum(); // idle groups are counted through, as in one process
            var others = Sample(random, round, before, [.. idle.Select(g => (long)random.Fork("redraw").Fork((ulong)round).Fork((ulong)(_first + g)).NextInt(int.MaxValue))], cancellation);
            for (var i = 0; i < idle.Length; i++) groups[idle[i]] = others[i];
            redrawn += (int)byRank.Sum();
        }

        _figures["redrawn_groups"] = redrawn;
        return groups;
    }

    /// <summary>Answers to problems by their numbers in the mixture, of which the first is number <paramref name="first"/> of the round.</summary>
    /// <exception cref="TripwireException">Weights were updated into something that is no number.</exception>
    private List<RolloutGroup> Sample(RandomStream random, int round, int first, long[] numbers, CancellationToken cancellation) => _ranks.Together(() =>
    {
        try
        {
            return SampleOwn(random, round, first, numbers, cancellation);
        }
        catch (SightlineException error) when (error.Kind == ErrorKind.RunStopped)
        {
            throw new TripwireException(string.Create(CultureInfo.InvariantCulture, $"stage {State.Index + 1}, step {State.Step + 1}: {error.Message.TrimEnd('.')}"));
        }
    });

    private List<RolloutGroup> SampleOwn(RandomStream random, int round, int first, long[] numbers, CancellationToken cancellation)
    {
        var problems = new List<PreparedProblem>(numbers.Length);
        foreach (var number in numbers)
        {
            cancellation.ThrowIfCancellationRequested();
            var (source, problem) = _problems.Get(number);
            problems.Add(_reading.Prepare(source, problem, _recipe.MaximumCompletion));
        }

        var sampling = new SamplingOptions { Temperature = _recipe.Temperature, TopK = _recipe.TopK, TopP = _recipe.TopP };
        var seeds = random.Fork("answers").Fork((ulong)round);
        var groups = _sampler.Sample(problems, _recipe.Group, _recipe.MaximumCompletion, sampling, (p, a) => seeds.Fork((ulong)(first + p)).Fork((ulong)a).NextUInt64(), cancellation).ToList();
        var from = _clock.GetTimestamp();
        foreach (var group in groups) _scorer.Score(group);
        _scoring += _clock.GetElapsedTime(from);
        return groups;
    }

    /// <summary>Advantages of the answers of all processes, and the figures of their rewards.</summary>
    private AdvantageGroups Judge(List<RolloutGroup> groups)
    {
        var answers = AnswerFigures.Gather(_ranks, groups.SelectMany(group => group.Answers));
        var advantages = AdvantageGroups.Compute([.. answers.Select(answer => answer.Reward)], _recipe.Group, _recipe.Scale);
        for (var g = 0; g < groups.Count; g++)
        {
            groups[g].Spread = advantages.Groups[_first + g];
            for (var a = 0; a < _recipe.Group; a++) groups[g].Answers[a].Advantage = advantages.Values[((_first + g) * _recipe.Group) + a];
        }

        Set("reward", answers.Average(answer => answer.Reward));
        Set("reward_spread", advantages.Groups.Average(group => group.Deviation));
        for (var r = 0; r < _scorer.Names.Count; r++)
        {
            var known = answers.Select(answer => answer.Scores[r]).Where(double.IsFinite).ToList();
            if (known.Count == 0) continue;
            var mean = known.Average();
            Set($"{_scorer.Names[r]}", mean);
            Set($"{_scorer.Names[r]}.spread", Math.Sqrt(known.Average(score => (score - mean) * (score - mean))));
        }

        Set("reward_errors", _ranks.Sum(_scorer.Errors));
        Set("idle_groups", advantages.IdleGroups);
        Set("tokens", answers.Average(answer => answer.Tokens));
        Set("shortest", answers.Min(answer => answer.Tokens));
        Set("longest", answers.Max(answer => answer.Tokens));
        Set("cut", answers.Average(answer => answer.IsCut ? 1.0 : 0));
        Set("entropy", answers.Sum(answer => answer.Entropy) / answers.Sum(answer => answer.Tokens));
        return advantages;
    }

    /// <summary>One update from the step's answers.</summary>
    private void Learn(PolicyLearner learner, int update)
    {
        var figures = learner.AddGradients(update > 0);
        Require(double.IsFinite(figures.Loss), "loss", figures.Loss, "a number");
        if (update == 0)
        {
            Set("loss", figures.Loss);
            Set("kl", figures.Kl);
            Set("sampler_difference", figures.LargestDifference);
            Require(_recipe.Tripwires.Kl is not { } limit || figures.Kl <= limit, "KL to the reference", figures.Kl, string.Create(CultureInfo.InvariantCulture, $"at most {_recipe.Tripwires.Kl}"));
        }

        Set("clip_share", figures.Clipped); // of the last update: the first one's ratios are 1
        _figures["seconds_forward"] = _figures.GetValueOrDefault("seconds_forward") + (float)figures.SecondsForward;
        _figures["seconds_backward"] = _figures.GetValueOrDefault("seconds_backward") + (float)figures.SecondsBackward;
        var rate = _recipe.RateAt(State.Step);
        var norm = State.ClipAndUpdate(rate, 1, norm => Require(double.IsFinite(norm), "gradient norm", norm, "a number"));
        Set("gradient_norm", norm);
        Set("learning_rate", rate);
        State.Average?.Update(Math.Min(_recipe.AverageDecay, (State.Step + 1.0) / (State.Step + 10.0)));
        _sampler.Forget();
        TuningEvents.Log.Updated();
    }

    /// <summary>Entropy and reward, before anything is learned from them.</summary>
    private void WatchRewards()
    {
        var limits = _recipe.Tripwires;
        Require(limits.Entropy is not { } least || _figures["entropy"] >= least, "entropy", _figures["entropy"], string.Create(CultureInfo.InvariantCulture, $"at least {limits.Entropy}"));
        var reward = (double)_figures["reward"];
        var running = State.Figures.TryGetValue("reward", out var before) ? (RunningShare * before) + ((1 - RunningShare) * reward) : reward;
        var best = Math.Max(running, State.Figures.GetValueOrDefault("best_reward", double.NegativeInfinity));
        if (limits.RewardLoss is { } share && best > 0)
            Require(running >= best * (1 - share), "running mean of the reward", running, string.Create(CultureInfo.InvariantCulture, $"at least {best * (1 - share):0.###}, with {best:0.###} reached before"));
        (State.Figures["reward"], State.Figures["best_reward"]) = (running, best);
    }

    /// <exception cref="TripwireException">The condition does not hold.</exception>
    private void Require(bool holds, string figure, double value, string range)
    {
        if (!holds) throw new TripwireException(string.Create(CultureInfo.InvariantCulture, $"stage {State.Index + 1}, step {State.Step + 1}: the {figure} is {value:0.####}, and must be {range}"));
    }

    private void Set(string name, double value) => _figures[name] = (float)value;

    private long Lap(string name, long from, TimeSpan more = default)
    {
        var now = _clock.GetTimestamp();
        Set(name, (_clock.GetElapsedTime(from, now) + more).TotalSeconds);
        return now;
    }
}
