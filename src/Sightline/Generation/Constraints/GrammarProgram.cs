namespace Sightline.Generation.Constraints;

/// <summary>A grammar as a list of instructions, each with the instruction that follows it (Thompson 1968, as threads that advance byte by byte).</summary>
internal sealed class GrammarProgram
{
    private readonly List<Instruction> _code = [];
    private int[] _distance = [];

    public GrammarProgram(AnswerGrammar grammar)
    {
        var accept = Add(new Instruction(InstructionKind.Accept));
        Start = Compile(grammar, accept);
        Measure();
    }

    /// <summary>The first instruction.</summary>
    public int Start { get; }

    public Instruction this[int index] => _code[index];

    /// <summary>
    /// Tokens to the end from the beginning of an instruction: as many as bytes (every byte is a token), no less than truly needed, and such that from every
    /// place some byte leads to a place whose number is smaller. Free texts count what they keep for their sequel.
    /// </summary>
    public int Distance(int index) => _distance[index];

    /// <summary>The same within an instruction.</summary>
    public int Distance(in GrammarThread thread)
    {
        var instruction = _code[thread.At];
        return instruction.Kind switch
        {
            InstructionKind.Number => DigitsNeeded(thread.Value, Least(instruction, thread), instruction.Number!.Most) + _distance[instruction.Next],
            InstructionKind.Text => instruction.Text!.Text.Distance(thread.Value) + instruction.Text.Reserve + _distance[instruction.Next],
            _ => _distance[thread.At],
        };
    }

    /// <summary>The smallest number that is allowed for a thread.</summary>
    public static int Least(in Instruction instruction, in GrammarThread thread)
    {
        var number = instruction.Number!;
        return number.Above < 0 ? number.Least : Math.Max(number.Least, (number.Above == 0 ? thread.First : thread.Second) + 1);
    }

    /// <summary>Whether digits that spell <paramref name="value"/> so far (-1: none) can become a number in the range by <paramref name="digits"/> more.</summary>
    public static bool Reaches(int value, int digits, int least, int most)
    {
        if (value == 0 && digits > 0) return false; // no leading zeros
        long low = value < 0 ? digits <= 1 ? 0 : 1 : value, high = Math.Max(value, 0);
        for (var i = 0; i < digits; i++)
        {
            if (value >= 0 || i > 0) low *= 10;
            high = (high * 10) + 9;
        }

        return (value >= 0 || digits > 0) && low <= most && high >= least;
    }

    /// <summary>The fewest digits that make it a number in the range.</summary>
    public static int DigitsNeeded(int value, int least, int most)
    {
        for (var digits = 0; digits <= 10; digits++)
        {
            if (Reaches(value, digits, least, most)) return digits;
        }

        return int.MaxValue / 4;
    }

    private int Add(Instruction instruction)
    {
        _code.Add(instruction);
        return _code.Count - 1;
    }

    private int Compile(AnswerGrammar grammar, int next)
    {
        switch (grammar)
        {
            case BytesGrammar bytes:
                return Add(new Instruction(InstructionKind.Bytes, next) { Set = bytes.Set });
            case SpecialGrammar special:
                return Add(new Instruction(InstructionKind.Special, next) { Token = special.Token });
            case NumberGrammar number:
                return Add(new Instruction(InstructionKind.Number, next) { Number = number });
            case TextGrammar text:
                return Add(new Instruction(InstructionKind.Text, next) { Text = text });
            case SequenceGrammar sequence:
                for (var i = sequence.Parts.Count - 1; i >= 0; i--) next = Compile(sequence.Parts[i], next);
                return next;
            case ChoiceGrammar choice:
                var first = Compile(choice.Choices[^1], next);
                for (var i = choice.Choices.Count - 2; i >= 0; i--) first = Add(new Instruction(InstructionKind.Split, Compile(choice.Choices[i], next)) { Other = first });
                return first;
            default:
                throw new ArgumentException($"a grammar of the kind {grammar.GetType().Name} cannot be compiled");
        }
    }

    /// <summary>Instructions only lead to earlier ones, so one pass is enough.</summary>
    private void Measure()
    {
        _distance = new int[_code.Count];
        for (var i = 0; i < _code.Count; i++)
        {
            var instruction = _code[i];
            _distance[i] = instruction.Kind switch
            {
                InstructionKind.Accept => 0,
                InstructionKind.Split => Math.Min(_distance[instruction.Next], _distance[instruction.Other]),
                // a number that must exceed another may need all digits
                InstructionKind.Number => DigitsNeeded(-1, instruction.Number!.Above < 0 ? instruction.Number.Least : instruction.Number.Most, instruction.Number.Most) + _distance[instruction.Next],
                InstructionKind.Text => instruction.Text!.Text.Distance(FreeText.Start) + instruction.Text.Reserve + _distance[instruction.Next],
                _ => 1 + _distance[instruction.Next],
            };
        }
    }
}

/// <summary>What an instruction asks for.</summary>
internal enum InstructionKind : byte
{
    /// <summary>The grammar is met.</summary>
    Accept,

    /// <summary>Either way on.</summary>
    Split,

    /// <summary>A byte of a set.</summary>
    Bytes,

    /// <summary>A whole number.</summary>
    Number,

    /// <summary>Free text.</summary>
    Text,

    /// <summary>A token by its id.</summary>
    Special,
}

/// <summary>One instruction; which of the fields hold depends on its kind.</summary>
internal readonly record struct Instruction(InstructionKind Kind, int Next = -1)
{
    public int Other { get; init; }

    public ByteSet Set { get; init; }

    public int Token { get; init; }

    public NumberGrammar? Number { get; init; }

    public TextGrammar? Text { get; init; }
}

/// <summary>One way in which the answer so far fits the grammar.</summary>
/// <param name="At">The instruction that is being met.</param>
/// <param name="Value">Of a number, what its digits say so far (-1: none yet); of a free text, its place.</param>
/// <param name="First">First memory, 0 when not in use.</param>
/// <param name="Second">Second memory.</param>
internal readonly record struct GrammarThread(int At, int Value, int First, int Second);
