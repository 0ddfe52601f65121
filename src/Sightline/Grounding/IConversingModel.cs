using Sightline.Imaging;
using Sightline.Text;
using Sightline.Text.Answers;

namespace Sightline.Grounding;

/// <summary>A model that also takes whole conversations.</summary>
public interface IConversingModel : IGroundingModel
{
    /// <summary>Continues a conversation. Not called from two threads at once, nor beside <see cref="IGroundingModel.Ground"/>.</summary>
    /// <param name="messages">The messages; each <see cref="ChatPart.Image"/> takes the next picture.</param>
    /// <param name="pictures">The pictures.</param>
    /// <param name="options">How tokens are chosen and how many.</param>
    /// <param name="cancellationToken">Stops the work within a token.</param>
    ConversationAnswer Converse(IReadOnlyList<ChatMessage> messages, IReadOnlyList<Picture> pictures, LanguageOptions options, CancellationToken cancellationToken);
}

/// <summary>What a model answered in a conversation.</summary>
/// <param name="Spoken">The text. Its status is about boxes; an answer in words alone has none and counts as malformed.</param>
/// <param name="Detections">The boxes in it, in pixels of the picture that <see cref="Detection.Picture"/> names.</param>
public sealed record ConversationAnswer(SpokenAnswer Spoken, IReadOnlyList<Detection> Detections)
{
    /// <summary>
    /// Boxes of which it is not known which of several pictures they are in, in the coordinates of the model; those have no frame where they depend on the
    /// picture. See <see cref="LanguageOptions.NumberPictures"/> and <see cref="LanguageOptions.AnsweredPicture"/>.
    /// </summary>
    public IReadOnlyList<AnsweredBox> Unplaced { get; init; } = [];
}
