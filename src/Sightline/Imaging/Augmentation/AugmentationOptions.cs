namespace Sightline.Imaging.Augmentation;

/// <summary>How much pictures are varied in training. Every range is symmetric around "unchanged" unless it says otherwise.</summary>
public sealed record AugmentationOptions
{
    /// <summary>Nothing varies: what evaluation and serving use.</summary>
    public static AugmentationOptions None { get; } = new()
    {
        MirrorProbability = 0,
        CropProbability = 0,
        ScaleLow = 1,
        ScaleHigh = 1,
        AspectJitter = 0,
        Translation = 0,
        ColorProbability = 0,
        BlurProbability = 0,
    };

    /// <summary>Chance of exchanging left and right, with the words in the phrases. 0 for writing and playing cards.</summary>
    public double MirrorProbability { get; set; } = 0.5;

    /// <summary>Chance of exchanging top and bottom, with the words. For pictures without an up, such as microscopy.</summary>
    public double VerticalMirrorProbability { get; set; }

    /// <summary>Chance that the picture may be scaled beyond the canvas, so that parts are cut away.</summary>
    public double CropProbability { get; set; } = 0.5;

    /// <summary>Least scale, relative to fitting the canvas.</summary>
    public double ScaleLow { get; set; } = 0.7;

    /// <summary>Greatest scale, relative to fitting the canvas; above 1 only when a crop is allowed.</summary>
    public double ScaleHigh { get; set; } = 1.5;

    /// <summary>Greatest change of width against height: 0.1 lets it vary from 1/1.1 to 1.1.</summary>
    public double AspectJitter { get; set; } = 0.1;

    /// <summary>Greatest shift as a part of the canvas, where the placement leaves room for it.</summary>
    public double Translation { get; set; } = 0.5;

    /// <summary>A box of which less than this part of the area stays visible is dropped.</summary>
    public double MinVisible { get; set; } = 0.4;

    /// <summary>A dropped box of which more than this part is still seen makes a phrase that lost all its boxes doubtful: drawn again.</summary>
    public double MaxRemnant { get; set; } = 0.1;

    /// <summary>A box cut to a side shorter than this many canvas pixels is dropped.</summary>
    public double MinSide { get; set; } = 2;

    /// <summary>
    /// Phrases that are sensitive to position (leftmost, largest, two ...) forbid crops; true drops such phrases from a
    /// cropped sample instead.
    /// </summary>
    public bool DropSensitivePhrases { get; set; }

    /// <summary>
    /// Chance that a training picture becomes a mosaic with three others of its source (<see cref="Augmenter.Mosaic"/>); phrases that the four do not
    /// share fall away, so it is for data sets whose classes are asked in every picture.
    /// </summary>
    public double MosaicProbability { get; set; }

    /// <summary>Chance of changing colours.</summary>
    public double ColorProbability { get; set; } = 0.8;

    /// <summary>Brightness factor 1 ± this.</summary>
    public double Brightness { get; set; } = 0.25;

    /// <summary>Contrast factor 1 ± this, around the picture's mean grey.</summary>
    public double Contrast { get; set; } = 0.25;

    /// <summary>Saturation factor 1 ± this.</summary>
    public double Saturation { get; set; } = 0.25;

    /// <summary>Hue turn ± this part of the colour circle. Small: phrases name colours.</summary>
    public double Hue { get; set; } = 0.02;

    /// <summary>Chance of blur.</summary>
    public double BlurProbability { get; set; } = 0.1;

    /// <summary>Greatest standard deviation of the blur, canvas pixels.</summary>
    public double BlurSigma { get; set; } = 1.2;

    /// <summary>How the canvas is met.</summary>
    public FitMode Fit { get; set; } = FitMode.Letterbox;

    /// <summary>Colour beside the picture.</summary>
    public PixelColor Fill { get; set; } = PixelColor.Neutral;
}
