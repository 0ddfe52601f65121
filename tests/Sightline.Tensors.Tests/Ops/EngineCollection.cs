namespace Sightline.Tensors.Tests.Ops;

/// <summary>Tests that change the shared thread team or count live bytes run one after another, apart from all others.</summary>
[CollectionDefinition("Engine", DisableParallelization = true)]
public class EngineCollection;
