"""transformers on a Qwen2-VL folder: seconds of a picture, tokens a second of a prompt and of an answer. Called by compare_language.py.

    python3 language_speed.py FOLDER --threads 2 [--patches 2048] [--prompt 640] [--tokens 16] [--attention eager|sdpa] [--type bfloat16|float32]

Prints one line of JSON. A size of 0 leaves that part out.
"""
import argparse
import json
import time

import torch
from transformers import Qwen2VLForConditionalGeneration

parser = argparse.ArgumentParser()
parser.add_argument("folder")
parser.add_argument("--threads", type=int, required=True)
parser.add_argument("--patches", type=int, default=2048)
parser.add_argument("--prompt", type=int, default=640)
parser.add_argument("--tokens", type=int, default=16)
parser.add_argument("--rounds", type=int, default=2)
parser.add_argument("--attention", default="sdpa")
parser.add_argument("--type", default="bfloat16")
a = parser.parse_args()
torch.set_num_threads(a.threads)
kind = getattr(torch, a.type)
model = Qwen2VLForConditionalGeneration.from_pretrained(a.folder, dtype=kind, attn_implementation=a.attention).eval()
visual, text = model.model.visual, model.model.language_model


def best(action, rounds):
    action()
    seconds = []
    for _ in range(rounds):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def prompt():
    """The prompt and the scores of the token after it, as generate() does it."""
    states = text(inputs_embeds=torch.randn(1, a.prompt, 1536).to(kind), use_cache=True)
    model.lm_head(states.last_hidden_state[:, -1:]).argmax()
    return states.past_key_values


found = {}
with torch.inference_mode():
    if a.patches:
        pixels, grid = torch.randn(a.patches, 1176).to(kind), torch.tensor([[1, 32, a.patches // 32]])
        found["image"] = best(lambda: visual(pixels, grid_thw=grid), a.rounds)
    if a.prompt:
        found["prompt"] = a.prompt / best(prompt, a.rounds)
    if a.tokens:
        cache, one = prompt(), torch.randn(1, 1, 1536).to(kind)
        step = lambda: model.lm_head(text(inputs_embeds=one, past_key_values=cache, use_cache=True).last_hidden_state).argmax()
        step()
        start = time.perf_counter()
        for _ in range(a.tokens):
            step()
        found["answer"] = a.tokens / (time.perf_counter() - start)
print(json.dumps(found))
