namespace Sightline.Training.Evaluation;

/// <summary>
/// Gives the classes to worker threads, the fullest first, so that no thread ends long after the others. Every class
/// writes to places of its own, so the result does not depend on the number of threads.
/// </summary>
internal static class CategoryWorkers
{
    public static void Run(DetectionTable table, int workers, Func<Action<int>> newWorker)
    {
        var order = new int[table.Groups];
        for (var k = 0; k < order.Length; k++) order[k] = k;
        Array.Sort(order, (a, b) => Size(b) != Size(a) ? Size(b).CompareTo(Size(a)) : a.CompareTo(b));
        workers = Math.Min(workers, order.Length);
        if (workers <= 1)
        {
            var work = newWorker();
            foreach (var k in order) work(k);
            return;
        }

        var next = -1;
        try
        {
            Parallel.For(0, workers, new ParallelOptions { MaxDegreeOfParallelism = workers }, _ =>
            {
                var work = newWorker();
                for (var i = Interlocked.Increment(ref next); i < order.Length; i = Interlocked.Increment(ref next)) work(order[i]);
            });
        }
        catch (AggregateException e) when (e.InnerExceptions[0] is SightlineException)
        {
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(e.InnerExceptions[0]);
        }

        int Size(int k) => table.Detections.Start[k + 1] - table.Detections.Start[k] + table.Truths.Start[k + 1] - table.Truths.Start[k];
    }
}
