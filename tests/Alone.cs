namespace Sightline.Testing;

/// <summary>
/// For test classes that look at state shared by the whole process (live native bytes, the number of threads):
/// <c>[Collection(Alone.Name)]</c> keeps every other test from running beside them.
/// </summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class Alone
{
    public const string Name = "alone";
}
