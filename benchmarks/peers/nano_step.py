"""The nano model of Sightline in PyTorch: checked against its outputs and gradients, and timed.

    dotnet run -c Release --project benchmarks/Sightline.Benchmarks -- training-step --export FOLDER [--image-size 160]
    python3 nano_step.py FOLDER --check               # same losses, outputs and gradients from the same weights
    python3 nano_step.py FOLDER --threads 1           # milliseconds a step
    python3 nano_step.py FOLDER --paced               # for compare_step.py: one line of input, one measurement

Eager float32 in the form that suits PyTorch best: channels-last convolutions, fused scaled dot product attention on padded-free
batch axes, fused AdamW. Which place answers for which object is given, where Sightline works it out in every step.
"""
import argparse
import json
import math
import os
import sys
import time

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn


class Attention(nn.Module):
    def __init__(self, channels, heads):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(channels, channels)
        self.key = nn.Linear(channels, channels)
        self.value = nn.Linear(channels, channels)
        self.output = nn.Linear(channels, channels)

    def split(self, x):
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)

    def forward(self, x, context):
        q, k, v = self.split(self.query(x)), self.split(self.key(context)), self.split(self.value(context))
        return self.output(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class FeedForward(nn.Module):
    def __init__(self, channels, hidden):
        super().__init__()
        self.up = nn.Linear(channels, hidden)
        self.down = nn.Linear(hidden, channels)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


def norm(channels):
    return nn.LayerNorm(channels, eps=1e-6)


class Conv(nn.Conv2d):
    """[B, H, W, C] to [B, H', W', C']: the permuted views are what PyTorch calls channels-last, nothing is copied."""

    def forward(self, x):
        return super().forward(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)


class TransformerLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.drop = nn.Dropout(c["dropout"])
        self.norm1 = norm(c["hidden_size"])
        self.norm2 = norm(c["hidden_size"])
        self.attention = Attention(c["hidden_size"], c["num_attention_heads"])
        self.mlp = FeedForward(c["hidden_size"], c["hidden_size"] * c["feed_forward_ratio"])

    def forward(self, x):
        y = self.norm1(x)
        x = x + self.drop(self.attention(y, y))
        return x + self.drop(self.mlp(self.norm2(x)))


class Stage(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv = Conv(inputs, outputs, 3, 2, 1)
        self.norm = norm(outputs)

    def forward(self, x):
        return F.gelu(self.norm(self.conv(x)), approximate="tanh")


class LocalLayer(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.depthwise = Conv(channels, channels, 5, 1, 2, groups=channels)
        self.norm = norm(channels)
        self.mlp = FeedForward(channels, channels * 2)

    def forward(self, x):
        return x + self.mlp(self.norm(self.depthwise(x)))


def position_features(side):
    centre = (torch.arange(side, dtype=torch.float64) + 0.5) / side
    y, x = (g.reshape(-1) for g in torch.meshgrid(centre, centre, indexing="ij"))
    columns = [2 * x - 1, 2 * y - 1]
    for octave in range(6):
        for f in (x, y):
            angle = math.pi * f * 2 ** octave
            columns += [torch.sin(angle), torch.cos(angle)]
    return torch.stack(columns, -1).float()                                   # [N, 26]


class ImageEncoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        widths = [3] + c["stem_channels"]
        self.stem = nn.ModuleList(Stage(widths[i], widths[i + 1]) for i in range(3))
        self.local = nn.ModuleList(LocalLayer(widths[3]) for _ in range(c["local_layers"]))
        self.patches = Conv(widths[3], c["hidden_size"], 3, 2, 1)
        self.patch_norm = norm(c["hidden_size"])
        self.position = nn.Linear(26, c["hidden_size"])
        self.layers = nn.ModuleList(TransformerLayer(c) for _ in range(c["image_layers"]))
        self.register_buffer("features", position_features(c["image_size"] // 16), persistent=False)

    def forward(self, x):
        for stage in self.stem:
            x = stage(x)
        for layer in self.local:
            x = layer(x)
        places = self.position(self.features)                                 # [N, C]
        tokens = self.patch_norm(self.patches(x).flatten(1, 2)) + places
        for layer in self.layers:
            tokens = layer(tokens)
        return x, tokens, places


class TextEncoder(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.words = nn.Embedding(c["vocab_size"], c["word_embedding_size"])
        self.positions = nn.Embedding(c["max_phrase_tokens"], c["hidden_size"])
        self.projection = nn.Linear(c["word_embedding_size"], c["hidden_size"])
        self.norm = norm(c["hidden_size"])
        self.layers = nn.ModuleList(TransformerLayer(c) for _ in range(c["text_layers"]))

    def forward(self, ids):
        x = self.norm(self.projection(self.words(ids)) + self.positions.weight[:ids.shape[1]])
        for layer in self.layers:
            x = layer(x)
        return x


class TextSide(nn.Module):
    def __init__(self, c):
        super().__init__()
        channels = c["hidden_size"]
        self.norm1, self.norm2, self.norm3, self.norm_context = (norm(channels) for _ in range(4))
        self.attention = Attention(channels, c["num_attention_heads"])
        self.cross_attention = Attention(channels, c["num_attention_heads"])
        self.mlp = FeedForward(channels, channels * c["feed_forward_ratio"])


class ImageSide(TransformerLayer):
    def __init__(self, c):
        super().__init__(c)
        self.norm_cross = norm(c["hidden_size"])
        self.norm_context = norm(c["hidden_size"])
        self.cross_attention = Attention(c["hidden_size"], c["num_attention_heads"])


class FusionLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.drop = nn.Dropout(c["dropout"])
        self.text = TextSide(c)
        self.image = ImageSide(c)

    def forward(self, image, text, places, pictures):
        """image [B, N, C], text [P, L, C] with P / B phrases a picture: each phrase sees itself, each picture all of its phrases."""
        t, i, drop = self.text, self.image, self.drop
        y = t.norm1(text)
        text = (text + drop(t.attention(y, y))).unflatten(0, (pictures, -1)).flatten(1, 2)         # [B, P/B L, C]
        text = text + drop(t.cross_attention(t.norm2(text), i.norm_context(image) + places))
        text = text + drop(t.mlp(t.norm3(text)))
        image = image + drop(i.cross_attention(i.norm_cross(image), t.norm_context(text)))
        return i(image), text


class PhraseLayer(nn.Module):
    def __init__(self, c):
        super().__init__()
        channels = c["hidden_size"]
        self.drop = nn.Dropout(c["dropout"])
        self.norm1, self.norm2, self.norm3 = (norm(channels) for _ in range(3))
        self.words = Attention(channels, c["num_attention_heads"])
        self.image = Attention(channels, c["num_attention_heads"])
        self.mlp = FeedForward(channels, channels * c["feed_forward_ratio"])

    def forward(self, phrases, words, image):
        """phrases [B, P / B, C], words [P, L, C], image [B, N, C]: each phrase sees its words, then its picture."""
        y = self.words(self.norm1(phrases).flatten(0, 1).unsqueeze(1), words)                      # [P, 1, C]
        phrases = phrases + self.drop(y.view_as(phrases))
        phrases = phrases + self.drop(self.image(self.norm2(phrases), image))
        return phrases + self.drop(self.mlp(self.norm3(phrases)))


class BoxHead(nn.Module):
    def __init__(self, c):
        super().__init__()
        channels = c["head_channels"]
        self.coarse_norm = norm(c["hidden_size"])
        self.coarse = nn.Linear(c["hidden_size"], channels)
        self.fine = nn.Linear(c["stem_channels"][2], channels)
        self.mix = Conv(channels, channels, 3, 1, 1)
        self.mix_norm = norm(channels)
        self.box_mix = Conv(channels, channels, 3, 1, 1)
        self.box_norm = norm(channels)
        self.box = nn.Linear(channels, 4)
        self.embedding = nn.Linear(channels, c["projection_size"])
        self.embedding_position = nn.Linear(26, c["projection_size"], bias=False)
        side = c["image_size"] // 8
        self.register_buffer("features", position_features(side), persistent=False)
        centre = (torch.arange(side, dtype=torch.float32) + 0.5) / side
        y, x = torch.meshgrid(centre, centre, indexing="ij")
        self.register_buffer("centres", torch.stack([x, y, x, y], -1).reshape(-1, 4), persistent=False)
        self.register_buffer("signs", torch.tensor([-1.0, -1.0, 1.0, 1.0]) / side, persistent=False)

    def forward(self, fine, tokens, places):
        b, side = fine.shape[0], fine.shape[1]
        up = self.coarse(self.coarse_norm(tokens) + places).unflatten(1, (side // 2, 1, side // 2, 1))
        up = up.expand(-1, -1, 2, -1, 2, -1).reshape(b, side, side, -1)       # each token to its four places
        x = F.gelu(up + self.fine(fine), approximate="tanh")
        x = F.gelu(self.mix_norm(self.mix(x)), approximate="tanh")
        vectors = self.embedding(x).flatten(1, 2) + self.embedding_position(self.features)         # [B, M, E]
        y = F.gelu(self.box_norm(self.box_mix(x)), approximate="tanh")
        reach = torch.exp(torch.clamp(self.box(y) + 1, -4, 5)).flatten(1, 2)
        return self.centres + reach * self.signs, vectors


class Nano(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.image_encoder = ImageEncoder(c)
        self.text_encoder = TextEncoder(c)
        self.fusion = nn.ModuleList(FusionLayer(c) for _ in range(c["fusion_layers"]))
        self.decoder = nn.ModuleList(PhraseLayer(c) for _ in range(c["phrase_layers"]))
        self.decoder_norm = nn.ModuleDict({"words": norm(c["hidden_size"]), "image": norm(c["hidden_size"])})
        self.head = BoxHead(c)
        self.phrase_norm = norm(c["hidden_size"])
        self.phrase_projection = nn.Linear(c["hidden_size"], c["projection_size"])
        self.presence = nn.Linear(c["hidden_size"], 1)
        self.logit_scale = nn.Parameter(torch.zeros(()))
        self.logit_bias = nn.Parameter(torch.zeros(()))

    def forward(self, pixels, ids):
        """pixels [B, S, S, 3] and ids [P, L] to boxes [B, M, 4], logits [B, P / B, M], presence [P], logits before each phrase layer."""
        pictures, words = pixels.shape[0], ids.shape[1]
        fine, image, places = self.image_encoder(pixels)
        text = self.text_encoder(ids)
        for layer in self.fusion:
            image, text = layer(image, text, places, pictures)
            text = text.reshape(-1, words, text.shape[-1])
        boxes, regions = self.head(fine, image, places)
        phrases = text[:, 0].unflatten(0, (pictures, -1))                     # [B, P / B, C]
        text, image = self.decoder_norm["words"](text), self.decoder_norm["image"](image) + places
        earlier = []
        for layer in self.decoder:
            earlier.append(self.align(self.phrase_norm(phrases), regions))
            phrases = layer(phrases, text, image)
        heads = self.phrase_norm(phrases)
        return boxes, self.align(heads, regions), self.presence(heads).flatten(), earlier

    def align(self, heads, regions):
        return self.phrase_projection(heads) @ regions.transpose(1, 2) / math.sqrt(regions.shape[-1]) + self.logit_bias


class Targets:
    """The assignment as dense targets; all of it outside the step."""

    def __init__(self, batch, shape):
        pictures, phrases, places = shape
        rows, objects, quality = batch["assigned.rows"], batch["assigned.objects"], batch["assigned.qualities"]
        picture, place = rows // places, rows % places
        q = torch.zeros(shape)
        for k in range(rows.numel()):
            q[picture[k], :, place[k]] += batch["means"][picture[k], :, objects[k]] * quality[k]
        self.quality = q
        mass = q.sum(-1, keepdim=True)                                        # [B, P, 1]
        chosen = (mass > 0).sum(1, keepdim=True).clamp(min=1)
        self.choice = torch.where(mass > 0, q / mass.clamp(min=1e-20), 0) / chosen
        self.by_picture = mass.sum(1, keepdim=True).clamp(min=1)              # [B, 1, 1]
        self.present = (batch["means"].sum(-1) > 0).float().flatten()
        self.rows, self.boxes = rows, batch["assigned.boxes"]
        weights = quality.clamp(min=0.05)
        sums = torch.zeros(pictures).index_add(0, picture, weights)
        self.weights = weights / sums[picture]


def giou_loss(a, b, eps=1e-7):
    w = (torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])).clamp(min=0)
    inter = w[:, 0] * w[:, 1]
    area_a = (a[:, 2] - a[:, 0]) * (a[:, 3] - a[:, 1])
    area_b = (b[:, 2] - b[:, 0]) * (b[:, 3] - b[:, 1])
    union = area_a + area_b - inter
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    hull = hull[:, 0] * hull[:, 1]
    return 1 - (inter / (union + eps) - (hull - union) / (hull + eps))


def losses(output, t):
    boxes, logits, presence, earlier = output
    pictures, phrases, _ = logits.shape
    with torch.no_grad():
        p = torch.sigmoid(logits)
        mass = torch.where(t.quality > 0, t.quality, 0.75 * p * p) / t.by_picture
    alignment = F.binary_cross_entropy_with_logits(logits, t.quality, mass, reduction="sum") / pictures
    ranking, *before = (-(F.log_softmax(x, -1) * t.choice).sum() / pictures for x in (logits, *earlier))
    present = F.binary_cross_entropy_with_logits(presence, t.present, reduction="sum") / (phrases * pictures)
    predicted = boxes.reshape(-1, 4)[t.rows]
    giou = (giou_loss(predicted, t.boxes) * t.weights).sum() / pictures
    l1 = ((predicted - t.boxes).abs() * t.weights[:, None]).sum() / (4 * pictures)
    total = alignment + 0.5 * ranking + 0.5 * present + 2 * giou + 5 * l1 + 0.25 * sum(before)
    return torch.stack([total, alignment, ranking, giou, l1, present])


def check(model, batch, targets):
    model.eval()
    ids = batch["ids"]
    output = model(batch["pixels"], ids)
    parts = losses(output, targets)
    parts[0].backward()
    worst = 0.0
    outputs = {"boxes": output[0], "logits": output[1], "presence": output[2], "earlier": torch.stack(output[3])}
    for name, got in outputs.items():
        difference = (got - batch[name].reshape(got.shape)).abs().max().item()
        worst = max(worst, difference / 1e-4)
        print(f"{name:10} largest difference {difference:.2e} (largest value {got.abs().max().item():.3g})")
    for name, got, want in zip(("total", "alignment", "ranking", "giou", "l1", "presence"), parts.tolist(), batch["losses"].tolist()):
        worst = max(worst, abs(got - want) / (1e-4 * max(1, abs(want))))
        print(f"loss {name:10} {got:.6f} here, {want:.6f} there")
    gradients = []
    for name, parameter in model.named_parameters():
        want = batch.get("gradient." + name)
        if want is None and parameter.grad is None:
            continue                                                          # logit_scale serves pre-training only
        want = torch.zeros_like(parameter) if want is None else want
        got = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        gradients.append((((got - want).norm() / want.norm().clamp(min=1e-6)).item(), name))
    gradients.sort(reverse=True)
    print(f"{len(gradients)} gradients, relative difference (2-norm): " + ", ".join(f"{n} {d:.1e}" for d, n in gradients[:4]))
    # key biases have no gradient in exact arithmetic: softmax does not change when all its inputs move together
    relevant = [d for d, n in gradients if not n.endswith("key.bias")]
    worst = max(worst, max(relevant) / 1e-3)
    print("the same network" if worst <= 1 else "DIFFERENT")
    return 0 if worst <= 1 else 1


class Step:
    def __init__(self, model, batch, targets):
        self.model, self.batch, self.targets = model.train(), batch, targets
        decayed = [p for p in model.parameters() if p.dim() >= 2]
        others = [p for p in model.parameters() if p.dim() < 2]
        groups = [{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.98), fused=True)

    def __call__(self):
        self.optimizer.zero_grad(set_to_none=True)
        loss = losses(self.model(self.batch["pixels"], self.batch["ids"]), self.targets)[0]
        loss.item()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0, foreach=True)
        self.optimizer.step()

    def time(self, steps):
        processor, start = time.process_time(), time.perf_counter()
        for _ in range(steps):
            self()
        return (time.perf_counter() - start) * 1000 / steps, (time.process_time() - processor) * 1000 / steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--paced", action="store_true")
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--steps", type=int, default=10)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    with open(os.path.join(options.folder, "config.json")) as file:
        config = json.load(file)
    config["dropout"] = 0.0 if options.check else 0.05
    model = Nano(config).to(memory_format=torch.channels_last)
    model.load_state_dict(load_file(os.path.join(options.folder, "model.safetensors")), strict=True)
    batch = load_file(os.path.join(options.folder, "batch.safetensors"))
    batch["ids"] = batch["ids"].reshape(batch["presence"].numel(), -1)
    targets = Targets(batch, batch["logits"].shape)
    if options.check:
        return check(model, batch, targets)
    step = Step(model, batch, targets)
    step()
    if options.paced:
        print("ready", flush=True)
        for line in sys.stdin:
            print("%.3f %.3f" % step.time(int(line)), flush=True)
        return 0
    step.time(2)
    if options.profile:
        with torch.profiler.profile() as profile:
            step.time(2)
        print(profile.key_averages().table(sort_by="self_cpu_time_total", row_limit=20, max_name_column_width=50))
    print("PyTorch %s, %d thread(s): %.1f ms a step (%.1f ms of processor time)" % ((torch.__version__, options.threads) + step.time(options.steps)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
