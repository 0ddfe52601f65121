using Sightline.Testing;
using Sightline.Training.Tests.Distributed;
using Sightline.Training.Tests.Grounding;
using Sightline.Training.Tests.Reinforcement;
using Sightline.Training.Tests.Reporting;

namespace Sightline.Training.Tests;

public class LiveByteTests
{
    /// <summary>Every class here with tests is held to the count of live bytes, unless it makes no tensors at all.</summary>
    [Fact]
    public void Every_class_of_tests_with_tensors_counts_live_bytes()
    {
        string[] namespaces = ["Data", "Evaluation", "Expressions", "Recipes", "Rewards", "Scenes"];
        Type[] without =
        [
            typeof(Distributed.MpiLibraryTests),
            typeof(LiveByteTests), typeof(AbsentPhrasesTests), typeof(GroundingScoreTests), typeof(DataSetEvaluatorTests), typeof(TaskAlignedAssignerTests), typeof(TrainingSampleTests), typeof(PolicyLossTests),
            typeof(RecordStreamTests), typeof(TensorBoardWriterTests), typeof(CurveChartTests), typeof(TrainingReportTests), typeof(RolloutViewerTests), typeof(RunFolderTests), typeof(NcclSearchTests), typeof(NcclLibraryTests),
        ];
        Assert.Empty(TensorTest.Uncounted(typeof(LiveByteTests).Assembly, [.. namespaces.Select(name => $"Sightline.Training.Tests.{name}")]).Except(without));
    }
}
