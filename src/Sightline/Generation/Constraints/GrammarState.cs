namespace Sightline.Generation.Constraints;

/// <summary>
/// All ways in which an answer so far fits a grammar: a state of the deterministic automaton, made when it is first reached (Rabin and Scott 1959). Where each byte
/// leads, and which tokens may come, is remembered.
/// </summary>
internal sealed class GrammarState
{
    private readonly GrammarProgram _program;
    private readonly GrammarStates _states;
    private readonly GrammarThread[] _threads;
    private readonly GrammarState?[] _next = new GrammarState?[256];

    public GrammarState(GrammarProgram program, GrammarStates states, GrammarThread[] threads)
    {
        (_program, _states, _threads) = (program, states, threads);
        Distance = threads.Length == 0 ? int.MaxValue / 2 : threads.Min(thread => program.Distance(thread));
        IsAccepting = threads.Any(thread => program[thread.At].Kind == InstructionKind.Accept);
        IsFinal = threads.All(thread => program[thread.At].Kind == InstructionKind.Accept);
    }

    /// <summary>No answer fits.</summary>
    public bool IsDead => _threads.Length == 0;

    /// <summary>The answer may end here.</summary>
    public bool IsAccepting { get; }

    /// <summary>The answer can only end here.</summary>
    public bool IsFinal { get; }

    /// <summary>Tokens to an end, by <see cref="GrammarProgram.Distance(int)"/>.</summary>
    public int Distance { get; }

    /// <summary>What may come next, when the token limit is far; filled in by the constraint.</summary>
    public AllowedTokens? Allowed { get; set; }

    /// <summary>After a byte.</summary>
    public GrammarState Next(byte value)
    {
        if (_next[value] is { } known) return known;
        var threads = new List<GrammarThread>();
        foreach (var thread in _threads) Advance(thread, value, threads);
        return _next[value] = _states.Of(threads);
    }

    /// <summary>After a special token.</summary>
    public GrammarState NextSpecial(int token)
    {
        var threads = new List<GrammarThread>();
        foreach (var thread in _threads)
        {
            var instruction = _program[thread.At];
            if (instruction.Kind == InstructionKind.Special && instruction.Token == token) Enter(_program, instruction.Next, thread.First, thread.Second, threads);
        }

        return _states.Of(threads);
    }

    /// <summary>The special tokens that may come.</summary>
    public IEnumerable<int> Specials => _threads.Select(thread => _program[thread.At]).Where(instruction => instruction.Kind == InstructionKind.Special).Select(instruction => instruction.Token).Distinct();

    /// <summary>Adds the threads at an instruction, or at those that it leads to without a byte.</summary>
    public static void Enter(GrammarProgram program, int at, int first, int second, List<GrammarThread> threads)
    {
        var instruction = program[at];
        switch (instruction.Kind)
        {
            case InstructionKind.Split:
                Enter(program, instruction.Next, first, second, threads);
                Enter(program, instruction.Other, first, second, threads);
                return;
            case InstructionKind.Number:
                Add(new GrammarThread(at, -1, first, second), threads);
                return;
            default:
                Add(new GrammarThread(at, 0, first, second), threads);
                return;
        }
    }

    private static void Add(GrammarThread thread, List<GrammarThread> threads)
    {
        if (!threads.Contains(thread)) threads.Add(thread);
    }

    private void Advance(in GrammarThread thread, byte value, List<GrammarThread> threads)
    {
        var instruction = _program[thread.At];
        switch (instruction.Kind)
        {
            case InstructionKind.Bytes when instruction.Set.Contains(value):
                Enter(_program, instruction.Next, thread.First, thread.Second, threads);
                return;
            case InstructionKind.Number when value is >= (byte)'0' and <= (byte)'9':
                AdvanceNumber(thread, instruction, value - '0', threads);
                return;
            case InstructionKind.Text:
                var place = instruction.Text!.Text.Next(thread.Value, value);
                if (place == FreeText.Ended) Enter(_program, instruction.Next, thread.First, thread.Second, threads);
                else if (place != FreeText.Dead) Add(thread with { Value = place }, threads);
                return;
        }
    }

    private void AdvanceNumber(in GrammarThread thread, in Instruction instruction, int digit, List<GrammarThread> threads)
    {
        var number = instruction.Number!;
        var (least, most) = (GrammarProgram.Least(instruction, thread), number.Most);
        if (thread.Value == 0) return;
        var value = (Math.Max(thread.Value, 0) * 10L) + digit;
        if (value > most) return;
        if (value >= least)
        {
            var (first, second) = (thread.First, thread.Second);
            if (number.Store == 0 || number.Above == 0) first = number.Store == 0 ? (int)value : 0;
            if (number.Store == 1 || number.Above == 1) second = number.Store == 1 ? (int)value : 0;
            Enter(_program, instruction.Next, first, second, threads);
        }

        for (var more = 1; more <= 10; more++)
        {
            if (!GrammarProgram.Reaches((int)value, more, least, most)) continue;
            Add(thread with { Value = (int)value }, threads);
            return;
        }
    }
}

/// <summary>The states of one automaton, so that equal ones are the same object.</summary>
internal sealed class GrammarStates
{
    /// <summary>States that are looked up; boxes have many (each knows its first corner), of which each is soon left for good.</summary>
    private const int MostKept = 4096;

    private readonly Dictionary<Key, GrammarState> _known = [];
    private readonly GrammarProgram _program;

    public GrammarStates(GrammarProgram program)
    {
        _program = program;
        Dead = new GrammarState(program, this, []);
        var threads = new List<GrammarThread>();
        GrammarState.Enter(program, program.Start, 0, 0, threads);
        Start = Of(threads);
    }

    public GrammarState Start { get; }

    public GrammarState Dead { get; }

    public GrammarState Of(List<GrammarThread> threads)
    {
        if (threads.Count == 0) return Dead;
        GrammarThread[] sorted = [.. threads.OrderBy(t => t.At).ThenBy(t => t.Value).ThenBy(t => t.First).ThenBy(t => t.Second)];
        var key = new Key(sorted);
        if (_known.TryGetValue(key, out var state)) return state;
        if (_known.Count >= MostKept) _known.Clear(); // states in use live on by their references
        state = new GrammarState(_program, this, sorted);
        _known.Add(key, state);
        return state;
    }

    private readonly struct Key(GrammarThread[] threads) : IEquatable<Key>
    {
        private readonly GrammarThread[] _threads = threads;

        public bool Equals(Key other) => _threads.AsSpan().SequenceEqual(other._threads);

        public override bool Equals(object? obj) => obj is Key other && Equals(other);

        public override int GetHashCode()
        {
            var hash = default(HashCode);
            foreach (var thread in _threads) hash.Add(thread);
            return hash.ToHashCode();
        }
    }
}
