using Sightline.Testing;
using Sightline.Tests.Generation;
using Sightline.Tests.Generation.Constraints;
using Sightline.Tests.Grounding;
using Sightline.Tests.Models.QwenVl;
using Sightline.Tests.Verification;

namespace Sightline.Tests;

public class LiveByteTests
{
    /// <summary>Every class here with tests is held to the count of live bytes, unless it makes no tensors at all.</summary>
    [Fact]
    public void Every_class_of_tests_with_tensors_counts_live_bytes()
    {
        Type[] without =
        [
            typeof(LiveByteTests), typeof(AnswerConstraintTests), typeof(AnswerTextTests), typeof(TokenConfidenceTests), typeof(GenerationDefaultsTests), typeof(SamplerTests),
            typeof(QwenVlConfigTests), typeof(TensorDifferenceTests), typeof(PromptGrammarTests),
        ];
        Assert.Empty(TensorTest.Uncounted(typeof(LiveByteTests).Assembly, "Sightline.Tests.Geometry", "Sightline.Tests.Hub", "Sightline.Tests.Imaging", "Sightline.Tests.Text").Except(without));
    }
}
