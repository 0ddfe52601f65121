using Sightline.Training.Evaluation;
using Sightline.Training.Grounding;

namespace Sightline.Training.Tests.Grounding;

public sealed class GroundingScoreTests
{
    [Theory]
    [InlineData(9, 0, 0, 3)] // nothing absent was asked
    [InlineData(0, 1, 4, 0)] // nothing present was
    [InlineData(0, 0, 0, 0)]
    public void Presence_is_not_known_where_only_one_kind_of_phrase_was_asked(int found, int invented, int refused, int missed) =>
        Assert.True(double.IsNaN(new GroundingScore { Source = "any", Presence = new PresenceScore(found, invented, refused, missed) }.PresenceMcc));

    [Fact]
    public void Presence_is_the_correlation_where_both_were() =>
        Assert.Equal(1, new GroundingScore { Source = "any", Presence = new PresenceScore(5, 0, 2, 0) }.PresenceMcc, 12);
}
