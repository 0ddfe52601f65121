namespace Sightline.Geometry;

/// <summary>The members of the intersection-over-union family.</summary>
public enum IouKind
{
    /// <summary>Intersection over union, 0..1.</summary>
    Plain,

    /// <summary>GIoU: less the empty share of the enclosing box, -1..1 (Rezatofighi et al., CVPR 2019, arXiv:1902.09630).</summary>
    Generalized,

    /// <summary>DIoU: less the squared distance of the centres over the squared diagonal of the enclosing box (Zheng et al., AAAI 2020, arXiv:1911.08287).</summary>
    Distance,

    /// <summary>CIoU: DIoU less a weighted difference of the aspect angles (the same paper).</summary>
    Complete,
}
