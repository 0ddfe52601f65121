namespace Sightline.Generation;

/// <summary>One token of an answer.</summary>
/// <param name="Index">Its number in the answer, from 0.</param>
/// <param name="Id">Its id.</param>
/// <param name="LogProbability">
/// Its log-probability by the model: log-softmax of the scores as they come, before penalties, masks, temperature and filters. The same operation
/// that a learner calls (<c>Op.LogSoftmaxGather</c>).
/// </param>
/// <param name="Text">The text that became certain with it: whole characters that are no part of a stop text. Empty without a vocabulary.</param>
public readonly record struct GeneratedToken(int Index, int Id, float LogProbability, string Text);
