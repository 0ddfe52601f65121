namespace Sightline.Tensors.Optim;

/// <summary>
/// The numbers of one step of gradient descent with momentum, in the order of operations of torch.optim.SGD: g += decay · p; u = μ u + g; p -= lr · u, or for
/// Nesterov's form p -= lr · (g + μ u). A zero velocity at the start gives torch's first step, where u becomes g.
/// </summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Momentum">μ.</param>
/// <param name="WeightDecay">Decay, added to the gradient.</param>
/// <param name="Nesterov">Look ahead by one velocity.</param>
/// <param name="GradientScale">Factor on every gradient first.</param>
public readonly record struct SgdSettings(double LearningRate, double Momentum = 0, double WeightDecay = 0, bool Nesterov = false, float GradientScale = 1);
