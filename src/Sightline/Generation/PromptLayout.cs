namespace Sightline.Generation;

/// <summary>Where the tokens of a prompt stand.</summary>
/// <param name="Positions">Time, row and column of each token, [3, T].</param>
/// <param name="NextPosition">Position of the first token after the prompt, in all three axes.</param>
/// <param name="Pictures">Where the image tokens of each picture begin, in the order of the pictures.</param>
public sealed record PromptLayout(long[] Positions, long NextPosition, IReadOnlyList<PicturePlace> Pictures)
{
    /// <summary>Tokens of the prompt, T.</summary>
    public int Length => Positions.Length / 3;

    /// <summary>What the reference calls <c>rope_deltas</c>: by how much positions after the prompt differ from the number of the token.</summary>
    public long Delta => NextPosition - Length;

    /// <summary>The position of a token after the prompt, in all three axes.</summary>
    /// <param name="index">The token's number, counted from the start of the prompt.</param>
    public long PositionOf(int index) => index + Delta;
}

/// <summary>The image tokens of a picture in a prompt.</summary>
/// <param name="Start">First token.</param>
/// <param name="Count">How many.</param>
public readonly record struct PicturePlace(int Start, int Count);
