namespace Sightline.Tensors.LibTorch;

/// <summary>libtorch is missing, too old, or refused an operation; the message names the library or the operator and what to do.</summary>
public sealed class LibTorchException(string message, Exception? inner = null) : InvalidOperationException(message, inner);
