using Sightline.Tensors;

namespace Sightline.Training.Distributed;

/// <summary>
/// How tensors travel between ranks: the seam for a transport that reads a device's memory by itself. All ranks call with tensors of the same shapes and types and the
/// same owners, in the same order.
/// </summary>
internal interface ITensorTransport
{
    /// <summary>Adds each tensor up over all ranks, from rank 0 on, into that of its owner. The others' are left with any contents.</summary>
    void SumToOwners(IReadOnlyList<(Tensor Tensor, int Owner)> tensors);

    /// <summary>Fills each tensor of every rank with that of its owner.</summary>
    void CopyFromOwners(IReadOnlyList<(Tensor Tensor, int Owner)> tensors);
}
