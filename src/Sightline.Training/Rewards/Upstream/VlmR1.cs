using System.Text.RegularExpressions;

namespace Sightline.Training.Rewards.Upstream;

/// <summary>
/// The referring-expression rewards of VLM-R1 (Shen et al. 2025), equal to its code at commit 90052f478646 (<c>vlm_modules/qwen_module.py</c>) in
/// every score and error.
/// </summary>
internal static class VlmR1
{
    // Pixels of a patch in Qwen2-VL and Qwen2.5-VL.
    private const int PatchSize = 14;

    public static double RecIou(RewardCase one)
    {
        var solution = PythonText.Last(Answer, one.Solution) ?? throw new RewardException("IndexError", "list index out of range");
        var truth = PythonJson.Load(PythonText.Strip(solution));
        try
        {
            if (PythonText.First(Answer, one.Completion) is not { } answer || BoxPattern.Match(answer) is not { Success: true } match) return 0;
            var box = new double[4];
            for (var i = 0; i < 4; i++) box[i] = PythonText.Integer(match.Groups[i + 1].Value);
            // from pixels of the resized picture to those of the original
            double width = one.Grid.Width * PatchSize, height = one.Grid.Height * PatchSize;
            for (var i = 0; i < 4; i++) box[i] = i % 2 == 0 ? box[i] / width * one.Picture.Width : box[i] / height * one.Picture.Height;
            return Iou(box, Read(truth));
        }
        catch (RewardException)
        {
            return 0;
        }
    }

    public static double RecFormat(RewardCase one) => BoxInBraces.IsMatch(one.Completion) ? 1 : 0;

    /// <summary>The four first entries of a box, read as they are needed there.</summary>
    public static double[] Read(PythonValue box) => [box[0].Number(), box[1].Number(), box[2].Number(), box[3].Number()];

    /// <summary>The original's IoU: the intersection in whole pixels, the areas not.</summary>
    public static double Iou(double[] a, double[] b)
    {
        var (x1, y1) = (Math.Max(a[0], b[0]), Math.Max(a[1], b[1]));
        var (x2, y2) = (Math.Min(a[2] - 1, b[2] - 1), Math.Min(a[3] - 1, b[3] - 1));
        var intersection = x1 < x2 && y1 < y2 ? (x2 - x1 + 1) * (y2 - y1 + 1) : 0;
        var union = ((a[2] - a[0]) * (a[3] - a[1])) + ((b[2] - b[0]) * (b[3] - b[1])) - intersection;
        return union != 0 ? intersection / union : throw new RewardException("ZeroDivisionError", "division by zero");
    }

    internal static Regex Answer { get; } = PythonText.PatternOfLines(@"<answer>(.*?)</answer>");

    private static Regex BoxPattern { get; } = PythonText.Pattern(@"\[(\d+)," + PythonText.Space + @"*(\d+)," + PythonText.Space + @"*(\d+)," + PythonText.Space + @"*(\d+)]");

    private static Regex BoxInBraces { get; } = PythonText.PatternOfLines(
        @"<think>.*?</think>" + PythonText.Space + @"*<answer>.*?\{.*\[\d+," + PythonText.Space + @"*\d+," + PythonText.Space + @"*\d+," + PythonText.Space + @"*\d+\].*\}.*?</answer>");
}
