using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Threading.Channels;

namespace Sightline.Generation;

/// <summary>
/// A <see cref="GenerationEngine"/> on a thread of its own: requests come from any thread, join the running ones at the next step, and stream back. The
/// engine must not be used by anyone else meanwhile.
/// </summary>
public sealed class GenerationLoop : IAsyncDisposable, IDisposable
{
    private readonly GenerationEngine _engine;
    private readonly BlockingCollection<Conversation> _arrivals = [];
    private readonly List<Conversation> _open = [];
    private readonly Thread _thread;
    private volatile bool _closing;

    /// <summary>Starts the thread.</summary>
    /// <param name="engine">Owned from now on, and disposed with the loop.</param>
    public GenerationLoop(GenerationEngine engine)
    {
        ArgumentNullException.ThrowIfNull(engine);
        _engine = engine;
        _thread = new Thread(Run) { IsBackground = true, Name = "generation" };
        _thread.Start();
    }

    /// <summary>Answers one request.</summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="SightlineException">As <see cref="GenerationEngine.Submit"/> and <see cref="GenerationEngine.Step"/>.</exception>
    public async Task<GenerationResult> GenerateAsync(GenerationRequest request, CancellationToken cancellation = default)
    {
        using var conversation = new Conversation(request, cancellation);
        Send(conversation);
        return await conversation.Result.WaitAsync(cancellation).ConfigureAwait(false);
    }

    /// <summary>
    /// Answers one request token by token; the last one has the rest of the text. When the enumeration is left early, the request ends with the step under way.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="SightlineException">As <see cref="GenerationEngine.Submit"/> and <see cref="GenerationEngine.Step"/>.</exception>
    public async IAsyncEnumerable<GeneratedToken> StreamAsync(GenerationRequest request, [EnumeratorCancellation] CancellationToken cancellation = default)
    {
        using var conversation = new Conversation(request, cancellation);
        try
        {
            Send(conversation);
            await foreach (var token in conversation.Tokens.ReadAllAsync(cancellation).ConfigureAwait(false)) yield return token;
            await conversation.Result.ConfigureAwait(false);
        }
        finally
        {
            conversation.Leave();
        }
    }

    /// <summary>Cancels what is running, waits for the step under way, and frees the engine.</summary>
    public void Dispose()
    {
        if (_closing) return;
        _closing = true;
        _arrivals.CompleteAdding();
        _thread.Join();
        _arrivals.Dispose();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await Task.Run(Dispose).ConfigureAwait(false);

    private void Send(Conversation conversation)
    {
        ObjectDisposedException.ThrowIf(_closing, this);
        _arrivals.Add(conversation);
    }

    private void Run()
    {
        try
        {
            while (!_closing && Receive())
            {
                try
                {
                    _engine.Step();
                }
                catch (Exception error) when (error is not OutOfMemoryException || _open.Count > 0)
                {
                    // whose fault it was cannot be told: all that were in the step end with it
                    _engine.CancelAll();
                    foreach (var conversation in _open) conversation.Fail(error);
                }

                _open.RemoveAll(static conversation => conversation.TryFinish());
            }
        }
        finally
        {
            _engine.Dispose();
            foreach (var conversation in _open) conversation.TryFinish();
            while (_arrivals.TryTake(out var late)) late.Fail(new ObjectDisposedException(nameof(GenerationLoop)));
        }
    }

    /// <summary>Takes in what has come; waits where nothing is running. False: closed.</summary>
    private bool Receive()
    {
        while (true)
        {
            Conversation? conversation;
            if (_open.Count > 0)
            {
                if (!_arrivals.TryTake(out conversation)) return true;
            }
            else if (!_arrivals.TryTake(out conversation, Timeout.Infinite))
            {
                return false;
            }

            if (conversation.Submit(_engine)) _open.Add(conversation);
        }
    }

    /// <summary>A request and its way back. Leaving it cancels the request.</summary>
    private sealed class Conversation : IDisposable
    {
        private readonly GenerationRequest _request;
        private readonly CancellationTokenSource _leaving;
        private readonly CancellationToken _asked;
        private readonly TaskCompletionSource<GenerationResult> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private readonly Channel<GeneratedToken> _tokens = Channel.CreateUnbounded<GeneratedToken>(new UnboundedChannelOptions { SingleReader = true, SingleWriter = true });
        private GenerationTicket? _ticket;

        public Conversation(GenerationRequest request, CancellationToken cancellation)
        {
            ArgumentNullException.ThrowIfNull(request);
            _leaving = CancellationTokenSource.CreateLinkedTokenSource(request.Cancellation, cancellation);
            _asked = _leaving.Token;
            _request = request with { Cancellation = _asked };
            _ = _result.Task.ContinueWith(static task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default); // observed
        }

        public Task<GenerationResult> Result => _result.Task;

        public ChannelReader<GeneratedToken> Tokens => _tokens.Reader;

        /// <summary>On the loop's thread. False: refused, and its sender told.</summary>
        public bool Submit(GenerationEngine engine)
        {
            try
            {
                _ticket = engine.Submit(_request, token => _tokens.Writer.TryWrite(token));
                return true;
            }
            catch (Exception error)
            {
                Fail(error);
                return false;
            }
        }

        public bool TryFinish()
        {
            if (_ticket?.Result is not { } result) return false;
            if (result.Reason == FinishReason.Cancelled)
            {
                _result.TrySetCanceled(_asked);
                _tokens.Writer.TryComplete(_asked.IsCancellationRequested ? new OperationCanceledException(_asked) : null);
                return true;
            }

            _result.TrySetResult(result);
            _tokens.Writer.TryComplete();
            return true;
        }

        public void Fail(Exception error)
        {
            _result.TrySetException(error);
            _tokens.Writer.TryComplete(error);
        }

        public void Leave()
        {
            if (!_result.Task.IsCompleted) _leaving.Cancel();
        }

        public void Dispose()
        {
            Leave();
            _leaving.Dispose();
        }
    }
}
