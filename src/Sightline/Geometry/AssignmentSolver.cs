namespace Sightline.Geometry;

/// <summary>
/// The linear sum assignment problem ("Hungarian matching"): pairs rows with columns, each at most once and as many as the
/// shorter side has, at the least total cost. Shortest augmenting paths with dual variables (Jonker and Volgenant 1987, in
/// the rectangular form of Crouse, "On implementing 2D rectangular assignment algorithms", IEEE TAES 2016), the algorithm
/// of scipy.optimize.linear_sum_assignment, O(min^2 x max). An infinite cost forbids a pair. The instance keeps its work
/// arrays, so that repeated calls of one size allocate nothing; it is not thread-safe.
/// </summary>
public sealed class AssignmentSolver
{
    private double[] _cost = [];
    private double[] _u = [];
    private double[] _v = [];
    private double[] _shortest = [];
    private int[] _path = [];
    private int[] _columnOfRow = [];
    private int[] _rowOfColumn = [];
    private int[] _remaining = [];
    private bool[] _rowSeen = [];
    private bool[] _columnSeen = [];

    /// <summary>Solves one problem into newly allocated arrays, as scipy returns them.</summary>
    /// <param name="cost">[rows, columns]</param>
    /// <returns>The paired rows, ascending, and the column of each.</returns>
    /// <exception cref="ArgumentException">A cost is NaN or minus infinity.</exception>
    /// <exception cref="InvalidOperationException">The forbidden pairs leave no complete assignment.</exception>
    public static (int[] Rows, int[] Columns) Solve(double[,] cost)
    {
        var (n, m) = (cost.GetLength(0), cost.GetLength(1));
        var flat = new double[n * m];
        Buffer.BlockCopy(cost, 0, flat, 0, flat.Length * sizeof(double));
        var columnOfRow = new int[n];
        new AssignmentSolver().Solve(flat, n, m, columnOfRow);
        var (rows, columns) = (new int[Math.Min(n, m)], new int[Math.Min(n, m)]);
        var k = 0;
        for (var i = 0; i < n; i++)
        {
            if (columnOfRow[i] >= 0) (rows[k], columns[k++]) = (i, columnOfRow[i]);
        }

        return (rows, columns);
    }

    /// <summary>Solves one problem.</summary>
    /// <param name="cost">[rows, columns]</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="columnOfRow">[rows]: receives the column of each row, -1 for a row that stays alone.</param>
    /// <returns>The total cost of the pairs.</returns>
    /// <exception cref="ArgumentException">A length does not fit, or a cost is NaN or minus infinity.</exception>
    /// <exception cref="InvalidOperationException">The forbidden pairs leave no complete assignment.</exception>
    public double Solve(ReadOnlySpan<double> cost, int rows, int columns, Span<int> columnOfRow)
    {
        Prepare(cost.Length, rows, columns, columnOfRow.Length);
        var transpose = rows > columns;
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) _cost[transpose ? (j * rows) + i : (i * columns) + j] = Checked(cost[(i * columns) + j], i, j);
        }

        return Run(rows, columns, columnOfRow);
    }

    /// <inheritdoc cref="Solve(ReadOnlySpan{double}, int, int, Span{int})"/>
    public double Solve(ReadOnlySpan<float> cost, int rows, int columns, Span<int> columnOfRow)
    {
        Prepare(cost.Length, rows, columns, columnOfRow.Length);
        var transpose = rows > columns;
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) _cost[transpose ? (j * rows) + i : (i * columns) + j] = Checked(cost[(i * columns) + j], i, j);
        }

        return Run(rows, columns, columnOfRow);
    }

    private static double Checked(double cost, int row, int column) =>
        cost > double.NegativeInfinity ? cost : throw new ArgumentException($"assignment: the cost of row {row} and column {column} is {cost}; costs are finite or +infinity (forbidden)");

    private void Prepare(int length, int rows, int columns, int results)
    {
        if (rows < 0 || columns < 0 || length != rows * columns || results != rows)
            throw new ArgumentException($"assignment: costs [{rows}, {columns}] with {length} numbers and {results} results do not fit");
        if (_cost.Length < length) _cost = new double[length];
        var n = Math.Min(rows, columns);
        var m = Math.Max(rows, columns);
        if (_u.Length < n)
        {
            _u = new double[n];
            _columnOfRow = new int[n];
            _rowSeen = new bool[n];
        }

        if (_v.Length >= m) return;
        _v = new double[m];
        _shortest = new double[m];
        _path = new int[m];
        _rowOfColumn = new int[m];
        _remaining = new int[m];
        _columnSeen = new bool[m];
    }

    // _cost holds [n, m] with n <= m (transposed where the caller's rows are the longer side)
    private double Run(int rows, int columns, Span<int> columnOfRow)
    {
        var n = Math.Min(rows, columns);
        var m = Math.Max(rows, columns);
        _u.AsSpan(0, n).Clear();
        _v.AsSpan(0, m).Clear();
        _columnOfRow.AsSpan(0, n).Fill(-1);
        _rowOfColumn.AsSpan(0, m).Fill(-1);
        for (var row = 0; row < n; row++) Augment(row, n, m);

        var total = 0.0;
        columnOfRow.Fill(-1);
        for (var i = 0; i < n; i++)
        {
            var j = _columnOfRow[i];
            total += _cost[(i * m) + j];
            if (rows > columns) columnOfRow[j] = i;
            else columnOfRow[i] = j;
        }

        return total;
    }

    private void Augment(int row, int n, int m)
    {
        var sink = ShortestPath(row, n, m, out var least);
        _u[row] += least;
        for (var i = 0; i < n; i++)
        {
            if (_rowSeen[i] && i != row) _u[i] += least - _shortest[_columnOfRow[i]];
        }

        for (var j = 0; j < m; j++)
        {
            if (_columnSeen[j]) _v[j] -= least - _shortest[j];
        }

        for (var j = sink; ;)
        {
            var i = _path[j];
            _rowOfColumn[j] = i;
            (_columnOfRow[i], j) = (j, _columnOfRow[i]);
            if (i == row) return;
        }
    }

    // Dijkstra over reduced costs from a free row to the nearest free column. Among equally near columns a free one wins,
    // and columns are scanned from the last to the first, as scipy does, so that ties fall the same way.
    private int ShortestPath(int row, int n, int m, out double least)
    {
        _rowSeen.AsSpan(0, n).Clear();
        _columnSeen.AsSpan(0, m).Clear();
        _shortest.AsSpan(0, m).Fill(double.PositiveInfinity);
        for (var j = 0; j < m; j++) _remaining[j] = m - j - 1;
        var open = m;
        least = 0;
        for (var i = row; ;)
        {
            _rowSeen[i] = true;
            var best = -1;
            var lowest = double.PositiveInfinity;
            for (var k = 0; k < open; k++)
            {
                var j = _remaining[k];
                var through = least + _cost[(i * m) + j] - _u[i] - _v[j];
                if (through < _shortest[j])
                {
                    _path[j] = i;
                    _shortest[j] = through;
                }

                if (_shortest[j] < lowest || (_shortest[j] == lowest && _rowOfColumn[j] < 0))
                {
                    lowest = _shortest[j];
                    best = k;
                }
            }

            if (double.IsPositiveInfinity(lowest)) throw new InvalidOperationException($"assignment: the forbidden pairs leave no complete assignment of {n} to {m}");
            least = lowest;
            var column = _remaining[best];
            _columnSeen[column] = true;
            _remaining[best] = _remaining[--open];
            if (_rowOfColumn[column] < 0) return column;
            i = _rowOfColumn[column];
        }
    }
}
