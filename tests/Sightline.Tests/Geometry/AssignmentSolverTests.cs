using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Sightline.Geometry;
using Sightline.Testing;

namespace Sightline.Tests.Geometry;

public class AssignmentSolverTests
{
    [Fact]
    public void AgreesWithScipy()
    {
        var tensors = new FixtureTensors("geometry", "hungarian.safetensors");
        using var index = JsonDocument.Parse(File.ReadAllText(Fixtures.Path("geometry", "hungarian.json")));
        var cases = index.RootElement.GetProperty("cases");
        Assert.Equal(92, cases.GetArrayLength());
        var solver = new AssignmentSolver();
        foreach (var row in cases.EnumerateArray())
        {
            var name = row.GetProperty("name").GetString();
            var shape = tensors.Shape($"{name}/cost");
            var cost = tensors.Doubles($"{name}/cost");
            var matrix = new double[shape[0], shape[1]];
            Buffer.BlockCopy(cost, 0, matrix, 0, cost.Length * sizeof(double));
            var (rows, columns) = AssignmentSolver.Solve(matrix);
            var columnOfRow = new int[shape[0]];
            var total = solver.Solve(cost, shape[0], shape[1], columnOfRow);
            Assert.Equal(row.GetProperty("total").GetDouble(), total, 1e-9);
            Assert.Equal(rows, Enumerable.Range(0, shape[0]).Where(r => columnOfRow[r] >= 0));
            // also where several assignments are equally good: ties fall as in scipy
            Assert.Equal(tensors.Longs($"{name}/row_ind"), rows.Select(r => (long)r));
            Assert.Equal(tensors.Longs($"{name}/col_ind"), columns.Select(c => (long)c));
        }
    }

    [Fact]
    public void ForbiddenPairsThatLeaveNoAssignmentAreNamed()
    {
        var inf = double.PositiveInfinity;
        Assert.Throws<InvalidOperationException>(() => AssignmentSolver.Solve(new[,] { { inf, inf }, { 1, 2 } }));
        Assert.Throws<InvalidOperationException>(() => AssignmentSolver.Solve(new[,] { { inf, 1 }, { inf, 2 } }));
        Assert.Throws<ArgumentException>(() => AssignmentSolver.Solve(new[,] { { double.NaN } }));
        Assert.Throws<ArgumentException>(() => AssignmentSolver.Solve(new[,] { { -inf } }));
    }

    [Fact]
    public void RepeatedCallsAllocateNothing()
    {
        var tensors = new FixtureTensors("geometry", "hungarian.safetensors");
        var (cost, shape) = (tensors.Doubles("000/cost"), tensors.Shape("000/cost"));
        var floats = Array.ConvertAll(cost, v => (float)v);
        var (solver, result) = (new AssignmentSolver(), new int[shape[0]]);
        solver.Solve(cost, shape[0], shape[1], result);
        solver.Solve(floats, shape[0], shape[1], result);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
        {
            solver.Solve(cost, shape[0], shape[1], result);
            solver.Solve(floats, shape[0], shape[1], result);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public void IsTheBestOfAllAssignments()
    {
        var problems = from n in Gen.Choose(1, 5)
                       from m in Gen.Choose(1, 5)
                       from cost in Gen.Choose(-9, 9).ArrayOf(n * m)
                       select (n, m, cost);
        var solver = new AssignmentSolver();
        Prop.ForAll(Arb.From(problems), p =>
        {
            var columnOfRow = new int[p.n];
            var total = solver.Solve(Array.ConvertAll(p.cost, c => (double)c), p.n, p.m, columnOfRow);
            var used = columnOfRow.Where(c => c >= 0).ToArray();
            return used.Length == Math.Min(p.n, p.m) && used.Distinct().Count() == used.Length && total == Best(p.cost, p.n, p.m, 0, 0, Math.Min(p.n, p.m));
        }).QuickCheckThrowOnFailure();
    }

    private static double Best(int[] cost, int n, int m, int row, int taken, int needed)
    {
        if (needed == 0) return 0;
        if (row == n) return double.PositiveInfinity;
        var best = Best(cost, n, m, row + 1, taken, needed);
        for (var j = 0; j < m; j++)
        {
            if ((taken >> j & 1) == 0) best = Math.Min(best, cost[(row * m) + j] + Best(cost, n, m, row + 1, taken | 1 << j, needed - 1));
        }

        return best;
    }
}
