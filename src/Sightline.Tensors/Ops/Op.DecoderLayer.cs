using Sightline.Tensors.Autograd;
using Sightline.Tensors.Ops;
using Sightline.Tensors.Quantized;

namespace Sightline.Tensors
{
    public abstract partial class Engine
    {
        /// <summary>
        /// A whole layer of <see cref="DecoderLayer"/> for a few tokens, with the bits of the operations that it stands for. Optional: false where the engine has no
        /// such kernel, or not for these operands; nothing has been written then.
        /// </summary>
        /// <param name="layer">Frozen weights.</param>
        /// <param name="step">The tokens, and where they look.</param>
        /// <param name="y">float32 [T, C].</param>
        public virtual bool DecoderLayer(DecoderLayer layer, in DecoderStep step, Tensor y) => false;
    }
}

namespace Sightline.Tensors.Ops
{
    /// <summary>
    /// The frozen quantized weights of a layer of a decoder: x += O attention(rotate(Q n), rotate(K n), V n) with n = norm(x), then
    /// x += D (silu(G n) · (U n)) with n = norm(x); norms divide by the root of the mean square.
    /// <para>C channels, H query heads of D channels on Hkv key heads, I hidden channels. Norms and biases are float32.</para>
    /// </summary>
    public sealed record DecoderLayer
    {
        /// <summary>Up to so many tokens a kernel may take the whole layer.</summary>
        public const int FewTokens = 8;

        /// <summary>[C].</summary>
        public required Tensor InputNorm { get; init; }

        /// <summary>[H D, C].</summary>
        public required QuantizedWeight Query { get; init; }

        /// <summary>[Hkv D, C].</summary>
        public required QuantizedWeight Key { get; init; }

        /// <summary>[Hkv D, C].</summary>
        public required QuantizedWeight Value { get; init; }

        /// <summary>[C, H D].</summary>
        public required QuantizedWeight Output { get; init; }

        /// <summary>[H D], or null.</summary>
        public Tensor? QueryBias { get; init; }

        /// <summary>[Hkv D], or null.</summary>
        public Tensor? KeyBias { get; init; }

        /// <summary>[Hkv D], or null.</summary>
        public Tensor? ValueBias { get; init; }

        /// <summary>[C], or null.</summary>
        public Tensor? OutputBias { get; init; }

        /// <summary>Of each head of the queries before they turn, [D], or null.</summary>
        public Tensor? QueryNorm { get; init; }

        /// <summary>Of each head of the keys before they turn, [D], or null.</summary>
        public Tensor? KeyNorm { get; init; }

        /// <summary>[C].</summary>
        public required Tensor Norm { get; init; }

        /// <summary>[I, C].</summary>
        public required QuantizedWeight Gate { get; init; }

        /// <summary>[I, C].</summary>
        public required QuantizedWeight Up { get; init; }

        /// <summary>[C, I].</summary>
        public required QuantizedWeight Down { get; init; }

        /// <summary>Added to mean squares.</summary>
        public required float Epsilon { get; init; }

        /// <summary>H.</summary>
        public required int Heads { get; init; }

        /// <summary>Hkv.</summary>
        public required int KeyHeads { get; init; }

        /// <summary>D.</summary>
        public int HeadSize => Key.OutputSize / KeyHeads;
    }

    /// <summary>The tokens of a step through a <see cref="DecoderLayer"/>.</summary>
    /// <param name="X">float32 [T, C].</param>
    /// <param name="Cos">Of the tokens' angles, float32 [1, T, D / 2].</param>
    /// <param name="Sin">As <paramref name="Cos"/>.</param>
    /// <param name="Layout">Which tokens see which slots of the cache.</param>
    /// <param name="Keys">The layer's part of the cache, [S, Hkv, D]; receives the keys of the tokens.</param>
    /// <param name="Values">As <paramref name="Keys"/>.</param>
    /// <param name="Slots">Where the tokens' keys and values go, [T].</param>
    public readonly record struct DecoderStep(Tensor X, Tensor Cos, Tensor Sin, AttentionLayout Layout, Tensor Keys, Tensor Values, ReadOnlyMemory<int> Slots);

    /// <content>Layers of decoders.</content>
    public static partial class Op
    {
        /// <summary>
        /// A layer in one call where the engine has a kernel for it, which spares a token of an answer some twenty operations and as many handings over to other threads; else null,
        /// and the layer is to be put together from operations. Both ways give the same bits. Not recorded: there is no gradient.
        /// </summary>
        /// <returns>float32 [T, C], or null.</returns>
        public static Tensor? DecoderLayer(DecoderLayer layer, in DecoderStep step)
        {
            if (Tape.IsRecording) return null;
            var y = Tensor.Empty(step.X.Shape, DType.Float32, step.X.Engine);
            if (step.X.Engine.DecoderLayer(layer, step, y)) return y;
            y.Dispose();
            return null;
        }
    }
}
