using System.Runtime.CompilerServices;
using System.Threading.Channels;
using Microsoft.Extensions.AI;
using Sightline.Grounding;
using Sightline.Text.Answers;
using Answered = Microsoft.Extensions.AI.ChatMessage;

namespace Sightline.Chat;

/// <summary>
/// A <see cref="Grounder"/> as an <see cref="IChatClient"/>: pictures as <see cref="DataContent"/> in, text and <see cref="GroundingContent"/> out. A vision-language
/// model gets the whole conversation; a model that finds phrases gets the last message's words as the phrase, and the last picture.
/// <see cref="ChatOptions.RawRepresentationFactory"/> may return a <see cref="LanguageOptions"/> to start from. With several pictures boxes come by
/// picture (<see cref="GroundingContent.Picture"/>) where the answer says which one they are in, or the options do.
/// </summary>
/// <example><code>
/// using IChatClient client = new GroundingChatClient(Grounder.Load("Qwen/Qwen2.5-VL-3B-Instruct"));
/// var photo = new DataContent(File.ReadAllBytes("street.jpg"), "image/jpeg");
/// var response = await client.GetResponseAsync([new(ChatRole.User, [photo, new TextContent("Locate the red bus, output its bbox coordinates using JSON format.")])]);
/// foreach (var found in response.Messages[0].Contents.OfType&lt;GroundingContent>().Single().Detections) Console.WriteLine(found.Box);
/// </code></example>
/// <param name="grounder">The model.</param>
/// <param name="ownsGrounder">Whether it is disposed with the client.</param>
/// <param name="modelId">What responses call the model; its description when null.</param>
public sealed class GroundingChatClient(Grounder grounder, bool ownsGrounder = true, string? modelId = null) : IChatClient
{
    private readonly string _modelId = modelId ?? grounder.Description;

    /// <inheritdoc/>
    public async Task<ChatResponse> GetResponseAsync(IEnumerable<Answered> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        var (contents, spoken) = await AnswerAsync(messages, options, progress: null, cancellationToken).ConfigureAwait(false);
        return new ChatResponse(new Answered(ChatRole.Assistant, contents) { RawRepresentation = spoken })
        {
            ModelId = _modelId,
            FinishReason = Finish(spoken),
            Usage = Usage(spoken),
        };
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<Answered> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var texts = Channel.CreateUnbounded<string>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        var answering = Task.Run(async () =>
        {
            try
            {
                return await AnswerAsync(messages, options, new Texts(texts.Writer), leaving.Token).ConfigureAwait(false);
            }
            finally
            {
                texts.Writer.Complete();
            }
        }, CancellationToken.None);
        try
        {
            var isStreamed = false;
            await foreach (var text in texts.Reader.ReadAllAsync(cancellationToken).ConfigureAwait(false))
            {
                isStreamed = true;
                yield return Update(new TextContent(text));
            }

            var (contents, spoken) = await answering.ConfigureAwait(false);
            List<AIContent> last = [.. isStreamed ? contents.Where(content => content is GroundingContent) : contents];
            if (Usage(spoken) is { } usage) last.Add(new UsageContent(usage));
            var end = Update([.. last]);
            end.FinishReason = Finish(spoken);
            end.RawRepresentation = spoken;
            yield return end;
        }
        finally
        {
            await leaving.CancelAsync().ConfigureAwait(false);
            await answering.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        if (serviceKey is not null) return null;
        if (serviceType == typeof(ChatClientMetadata)) return new ChatClientMetadata("sightline", providerUri: null, _modelId);
        return serviceType.IsInstanceOfType(grounder) ? grounder : serviceType.IsInstanceOfType(this) ? this : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (ownsGrounder) grounder.Dispose();
    }

    private async Task<(List<AIContent> Contents, SpokenAnswer? Spoken)> AnswerAsync(IEnumerable<Answered> messages, ChatOptions? options, IProgress<GroundingProgress>? progress, CancellationToken cancellation)
    {
        var basis = options?.RawRepresentationFactory?.Invoke(this) as LanguageOptions ?? new LanguageOptions();
        var turns = ChatTurns.Of(messages, options, basis with { Progress = progress ?? basis.Progress });
        if (!grounder.CanConverse) return (await FindAsync(turns, cancellation).ConfigureAwait(false), null);
        var answer = await grounder.ConverseAsync(turns.Messages, turns.Pictures, turns.Options, cancellation).ConfigureAwait(false);
        var spoken = answer.Spoken;
        var contents = new List<AIContent>();
        if (spoken.Thinking is { } thinking) contents.Add(new TextReasoningContent(thinking));
        contents.Add(new TextContent(spoken.Thinking is null ? spoken.Raw : spoken.Text));
        // words alone are a fine answer in a conversation
        if (turns.Pictures.Count > 0) contents.AddRange(Boxes(answer));
        return (contents, spoken);
    }

    /// <summary>One content for each picture with boxes, one for boxes without a picture, and one that says that there are none or why.</summary>
    private static IEnumerable<GroundingContent> Boxes(ConversationAnswer answer)
    {
        var spoken = answer.Spoken;
        foreach (var own in answer.Detections.GroupBy(found => found.Picture).OrderBy(own => own.Key)) yield return new GroundingContent([.. own], spoken.Status, spoken.Problem) { Picture = own.Key };
        if (answer.Unplaced.Count > 0) yield return new GroundingContent([], spoken.Status, spoken.Problem) { Unplaced = answer.Unplaced };
        else if (answer.Detections.Count == 0 && spoken.Status is AnswerStatus.WrongFrame or AnswerStatus.NothingThere) yield return new GroundingContent([], spoken.Status, spoken.Problem);
    }

    private async Task<List<AIContent>> FindAsync(ChatTurns turns, CancellationToken cancellation)
    {
        if (turns.Pictures.Count == 0) throw new SightlineException(ErrorKind.Usage, "the conversation has no picture: add one as DataContent");
        var result = await grounder.GroundAsync(turns.Pictures[^1], [turns.Question], null, cancellation).ConfigureAwait(false);
        var text = AnswerWriter.Boxes(AnswerForm.Json, [.. result.Detections.Select(found => new AnsweredBox(found.Box, found.Phrase, found.Score))], result.Picture.Frame);
        return [new TextContent(text), new GroundingContent(result.Detections, result.Detections.Count == 0 ? AnswerStatus.NothingThere : AnswerStatus.Complete) { Picture = turns.Pictures.Count - 1 }];
    }

    private ChatResponseUpdate Update(params IList<AIContent> contents) => new(ChatRole.Assistant, contents) { ModelId = _modelId };

    private static ChatFinishReason Finish(SpokenAnswer? spoken) => spoken?.Reason == Generation.FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;

    private static UsageDetails? Usage(SpokenAnswer? spoken) => spoken is null ? null : new UsageDetails
    {
        InputTokenCount = spoken.PromptTokens,
        OutputTokenCount = spoken.Tokens,
        TotalTokenCount = spoken.PromptTokens + spoken.Tokens,
    };

    private sealed class Texts(ChannelWriter<string> writer) : IProgress<GroundingProgress>
    {
        public void Report(GroundingProgress value)
        {
            if (value.Text.Length > 0) writer.TryWrite(value.Text);
        }
    }
}
