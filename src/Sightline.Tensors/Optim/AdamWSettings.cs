namespace Sightline.Tensors.Optim;

/// <summary>
/// The numbers of one AdamW step (Loshchilov, Hutter 2019), in the order of operations of torch.optim.AdamW:
/// p -= lr · decay · p; m = β₁ m + (1 - β₁) g; v = β₂ v + (1 - β₂) g²; p -= lr / (1 - β₁ᵗ) · m / (√v / √(1 - β₂ᵗ) + ε).
/// </summary>
/// <param name="LearningRate">lr.</param>
/// <param name="Beta1">β₁.</param>
/// <param name="Beta2">β₂.</param>
/// <param name="Epsilon">ε.</param>
/// <param name="WeightDecay">Decoupled decay.</param>
/// <param name="Step">t, from 1.</param>
/// <param name="GradientScale">Factor on every gradient first (clipping, averaging).</param>
/// <param name="Decoupled">False: the decay is added to the gradient instead (Adam with L2).</param>
public readonly record struct AdamWSettings(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, int Step, float GradientScale = 1, bool Decoupled = true);
