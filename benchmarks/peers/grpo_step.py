"""One GRPO step of a Qwen2-VL folder in PyTorch and transformers, in the way of Visual-RFT's trainer. Called by compare_grpo.py.

    python3 grpo_step.py FOLDER --threads 2 [--rank 16] [--group 8] [--picture 512] [--prompt 128] [--tokens 128] [--rounds 1] [--type bfloat16|float32]

Prints one line of JSON: seconds of sampling, scoring, reference, forward, backward, update and of the step, for the middle round. As that trainer does: the picture's
patches are repeated for each answer, in generation and in both forward passes; prompt and answer of every member of the group are one padded batch; scores of all positions
are computed and a log-softmax of each row of the batch is gathered. Kinder to PyTorch than that trainer: all answers are generated in one batch (it generates one by one),
no gradient checkpointing unless --checkpoint, no wrapper around the model, adapters in the type of the weights.
"""
import argparse
import copy
import json
import math
import re
import resource
import time

import torch
from torch import nn
from transformers import Qwen2VLForConditionalGeneration

TARGETS = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")


class Lora(nn.Module):
    """y = W x + b + scale B (A x), as PEFT adds it to a linear layer."""

    def __init__(self, base, rank):
        super().__init__()
        self.base = base
        self.down = nn.Parameter(torch.empty(rank, base.in_features, dtype=base.weight.dtype).uniform_(-1, 1) / math.sqrt(base.in_features))
        self.up = nn.Parameter(torch.zeros(base.out_features, rank, dtype=base.weight.dtype))
        self.scale, self.enabled = 2.0, True

    def forward(self, x):
        y = self.base(x)
        return y + nn.functional.linear(nn.functional.linear(x, self.down), self.up) * self.scale if self.enabled else y


def adapt(model, rank):
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    layers = []
    for module in list(model.model.language_model.modules()):
        for name, child in list(module.named_children()):
            if name in TARGETS and isinstance(child, nn.Linear):
                layers.append(Lora(child, rank))
                setattr(module, name, layers[-1])
    return layers


def grid(tokens, merge):
    height = int(math.sqrt(tokens))
    while tokens % height:
        height -= 1
    return [1, height * merge, tokens // height * merge]


def reward(text):
    """IoU of the first box with a given one, and the form: both of nothing here, as the text is noise."""
    match = re.search(r"\[(\d+),\s*(\d+),\s*(\d+),\s*(\d+)\]", text)
    return (0.0 if match is None else 1.0) + (1.0 if re.fullmatch(r"<think>.*?</think>\s*<answer>.*?</answer>", text, re.DOTALL) else 0.0)


class Step:
    def __init__(self, a):
        self.a = a
        kind = getattr(torch, a.type)
        self.model = Qwen2VLForConditionalGeneration.from_pretrained(a.folder, dtype=kind, attn_implementation=a.attention)
        self.model.generation_config.eos_token_id = None
        self.model.generation_config.pad_token_id = 0
        if a.checkpoint:
            self.model.gradient_checkpointing_enable()
        self.model.train()
        self.layers = adapt(self.model, a.rank) if a.rank else []
        if a.rank == 0:
            for parameter in self.model.model.visual.parameters():
                parameter.requires_grad_(not a.freeze)
        self.reference = None if a.rank else copy.deepcopy(self.model).eval().requires_grad_(False)
        self.trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(self.trained, lr=1e-5, betas=(0.9, 0.999), weight_decay=0.0, fused=True)
        config = self.model.config
        vision = config.vision_config
        torch.manual_seed(1)
        self.grid = torch.tensor([grid(a.picture, vision.spatial_merge_size)])
        self.pixels = torch.rand(int(self.grid.prod()), vision.in_channels * vision.temporal_patch_size * vision.patch_size**2).mul(2).sub(1).to(kind)
        words = torch.randint(0, min(config.text_config.vocab_size, config.vision_start_token_id) - 8, (1, a.prompt))
        words[0, 0] = config.vision_start_token_id
        self.ids = torch.cat([words[:, :1], torch.full((1, a.picture), config.image_token_id), words[:, 1:]], 1)
        self.image = config.image_token_id

    def kinds(self, ids):
        return (ids == self.image).int()

    def logps(self, model, ids, group):
        logits = model(
            input_ids=ids, attention_mask=torch.ones_like(ids), pixel_values=self.pixels.repeat(group, 1), image_grid_thw=self.grid.repeat(group, 1), mm_token_type_ids=self.kinds(ids), use_cache=False,
        ).logits[:, :-1]
        rows = [row.log_softmax(-1).gather(1, targets.unsqueeze(1)).squeeze(1) for row, targets in zip(logits, ids[:, 1:])]
        return torch.stack(rows)[:, self.ids.shape[1] - 1:]

    def run(self, group, tokens):
        laps = [time.perf_counter()]
        lap = lambda: laps.append(time.perf_counter())
        with torch.no_grad():
            self.model.eval()
            ids = self.model.generate(
                input_ids=self.ids, attention_mask=torch.ones_like(self.ids), pixel_values=self.pixels, image_grid_thw=self.grid, mm_token_type_ids=self.kinds(self.ids),
                max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True, temperature=1.0, top_k=0, top_p=1.0, num_return_sequences=group,
            )
            self.model.train()
        assert ids.shape == (group, self.ids.shape[1] + tokens), ids.shape
        answers = ids[:, self.ids.shape[1]:]
        for stands_for_pictures in (self.image, self.model.config.video_token_id):
            answers[answers == stands_for_pictures] = 0
        lap()
        for row in ids[:, self.ids.shape[1]:].tolist():
            reward(" ".join(map(str, row)))
        advantages = torch.tensor([1.0 if i % 2 == 0 else -1.0 for i in range(group)])
        lap()
        with torch.no_grad():
            for layer in self.layers:
                layer.enabled = False
            reference = self.logps(self.reference or self.model, ids, group)
            for layer in self.layers:
                layer.enabled = True
        lap()
        policy = self.logps(self.model, ids, group)
        difference = reference - policy
        penalty = difference.exp() - difference - 1
        loss = -((policy - policy.detach()).exp() * advantages.unsqueeze(1) - 0.04 * penalty).mean(1).mean()
        lap()
        loss.backward()
        lap()
        torch.nn.utils.clip_grad_norm_(self.trained, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        lap()
        names = ("sampling", "scoring", "reference", "forward", "backward", "update")
        found = {name: laps[i + 1] - laps[i] for i, name in enumerate(names)}
        found["learning"] = sum(found[name] for name in names[2:])
        found["step"] = laps[-1] - laps[0]
        return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--rank", type=int, default=16, help="0: the weights themselves")
    parser.add_argument("--freeze", action="store_true", help="with --rank 0: not the vision tower's")
    parser.add_argument("--group", type=int, default=8)
    parser.add_argument("--picture", type=int, default=512)
    parser.add_argument("--prompt", type=int, default=128)
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--type", default="bfloat16")
    parser.add_argument("--attention", default="sdpa")
    parser.add_argument("--checkpoint", action="store_true")
    a = parser.parse_args()
    torch.set_num_threads(a.threads)
    step = Step(a)
    step.run(2, min(a.tokens, 4))
    rounds = sorted((step.run(a.group, a.tokens) for _ in range(a.rounds)), key=lambda found: found["step"])
    found = {name: round(value, 5) for name, value in rounds[len(rounds) // 2].items()}
    found["trained_numbers"] = sum(p.numel() for p in step.trained)
    found["peak_process_bytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(found))


if __name__ == "__main__":
    main()
