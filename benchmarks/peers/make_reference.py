"""Stores what transformers gives for a Qwen2-VL, Qwen2.5-VL or Qwen3-VL folder, for `sightline verify --model FOLDER --reference OUT`.

    python3 make_reference.py --model FOLDER --out OUT --image photo.png --prompt "Output the bounding box of the left cup."

One case without a picture, one for each picture, one with all of them if there are several. Float32 on the CPU, eager attention: needs four bytes a parameter
(a 2B model 9 GB, a 7B model 30 GB). Pictures go through the Pillow back end, as Sightline's do. The layout is described in tests/fixtures/qwen/README.md.
"""
import argparse
import json
import os

import torch
import transformers
from PIL import Image
from safetensors.torch import save_file
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

parser = argparse.ArgumentParser()
parser.add_argument("--model", required=True)
parser.add_argument("--out", required=True)
parser.add_argument("--image", action="append", default=[])
parser.add_argument("--prompt", default="Describe the picture.")
parser.add_argument("--tokens", type=int, default=16, help="tokens to generate")
a = parser.parse_args()
with open(os.path.join(a.model, "config.json"), encoding="utf-8") as f:
    config = json.load(f)
cls = {"qwen2_vl": "Qwen2VLForConditionalGeneration", "qwen2_5_vl": "Qwen2_5_VLForConditionalGeneration", "qwen3_vl": "Qwen3VLForConditionalGeneration"}[config["model_type"]]
m = getattr(transformers, cls).from_pretrained(a.model, dtype=torch.float32, attn_implementation="eager").eval()
tok = transformers.AutoTokenizer.from_pretrained(a.model)
template = None
if os.path.exists(os.path.join(a.model, "chat_template.json")):
    with open(os.path.join(a.model, "chat_template.json"), encoding="utf-8") as f:
        template = json.load(f)["chat_template"]
with open(os.path.join(a.model, "preprocessor_config.json"), encoding="utf-8") as f:
    settings = json.load(f)
size = settings.get("size") or {"shortest_edge": settings["min_pixels"], "longest_edge": settings["max_pixels"]}
processor = Qwen2VLImageProcessorPil(size=size, **{k: settings[k] for k in ("patch_size", "temporal_patch_size", "merge_size", "image_mean", "image_std") if k in settings})

os.makedirs(os.path.join(a.out, "images"), exist_ok=True)
pixels = {}
for i, path in enumerate(a.image):
    image = Image.open(path).convert("RGB")
    image.save(os.path.join(a.out, "images", f"{i}.png"))
    r = processor(images=[image], return_tensors="pt")
    pixels[f"{i}.pixel_values"], pixels[f"{i}.image_grid_thw"] = r["pixel_values"].float().contiguous(), r["image_grid_thw"].contiguous()
if pixels:
    save_file(pixels, os.path.join(a.out, "pixel_values.safetensors"))
cases = {"text": []} | {f"image_{i}": [i] for i in range(len(a.image))}
if len(a.image) > 1:
    cases["all_images"] = list(range(len(a.image)))


def record(store):
    """Hooks that keep the output of every layer."""
    keep = lambda name: lambda mod, i, o: store.__setitem__(name, (o[0] if isinstance(o, tuple) else o).detach().clone())
    before = lambda name: lambda mod, args, kw: store.__setitem__(name, (args[0] if args else kw["hidden_states"]).detach().clone())
    visual, text = m.model.visual, m.model.language_model
    hooks = [visual.patch_embed.register_forward_hook(keep("vision.patch_embed"))]
    hooks += [block.register_forward_hook(keep(f"vision.block.{i}")) for i, block in enumerate(visual.blocks)]
    hooks += [l.register_forward_pre_hook(before("text.inputs_embeds" if i == 0 else f"text.layer.{i - 1}"), with_kwargs=True) for i, l in enumerate(text.layers)]
    return hooks + [text.norm.register_forward_pre_hook(before(f"text.layer.{len(text.layers) - 1}"), with_kwargs=True)]


meta = {"model": os.path.basename(os.path.normpath(a.model)), "transformers": transformers.__version__, "torch": torch.__version__, "cases": {}}
for name, keys in cases.items():
    messages = [{"role": "user", "content": [{"type": "image", "image": str(k)} for k in keys] + [{"type": "text", "text": a.prompt}]}]
    text = tok.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=True)
    pieces = text.split("<|image_pad|>")
    full = pieces[0]
    for k, piece in zip(keys, pieces[1:]):
        full += "<|image_pad|>" * (int(pixels[f"{k}.image_grid_thw"].prod()) // m.config.vision_config.spatial_merge_size ** 2) + piece
    ids = tok(full, return_tensors="pt", add_special_tokens=False)["input_ids"]
    types = (ids == m.config.image_token_id).long()
    grid = torch.cat([pixels[f"{k}.image_grid_thw"] for k in keys]) if keys else None
    vision = dict(pixel_values=torch.cat([pixels[f"{k}.pixel_values"] for k in keys]), image_grid_thw=grid) if keys else {}
    positions, deltas = m.model.get_rope_index(ids, mm_token_type_ids=types, image_grid_thw=grid, attention_mask=torch.ones_like(ids))
    out = {"input_ids": ids, "attention_mask": torch.ones_like(ids), "mm_token_type_ids": types, "position_ids": positions, "rope_deltas": deltas}
    hooks = record(out)
    with torch.no_grad():
        m.model.rope_deltas = None
        hidden = m.model(input_ids=ids, attention_mask=torch.ones_like(ids), position_ids=positions, use_cache=False, **vision).last_hidden_state
        for h in hooks:
            h.remove()
        logits = m.lm_head(hidden)
        out |= {"last_hidden_state": hidden, "logits_last16": logits[:, -16:], "logits_logsumexp": logits.logsumexp(-1), "logits_argmax": logits.argmax(-1)}
        if keys:
            v = m.model.visual(vision["pixel_values"], grid_thw=grid)
            out |= {"vision.last_hidden_state": v.last_hidden_state, "vision.image_embeds": v.pooler_output, "image_grid_thw": grid}
            out |= {f"vision.deepstack.{i}": level for i, level in enumerate(getattr(v, "deepstack_features", None) or [])}
        m.model.rope_deltas = None
        g = m.generate(input_ids=ids, attention_mask=torch.ones_like(ids), mm_token_type_ids=types, **vision, do_sample=False, temperature=None, top_k=None, top_p=None,
                       repetition_penalty=1.0, max_new_tokens=a.tokens, return_dict_in_generate=True, output_logits=True)
    scores = torch.stack(g.logits, 1)
    out["generate.greedy_ids"] = g.sequences[:, ids.shape[1]:]
    out["generate.greedy_logprobs"] = scores.log_softmax(-1).gather(-1, out["generate.greedy_ids"][..., None])[..., 0]
    top = scores.topk(2, -1).values
    save_file({k: t.contiguous() for k, t in out.items()}, os.path.join(a.out, name + ".safetensors"))
    meta["cases"][name] = {"images": [str(k) for k in keys], "messages": [messages], "prompt_text": [text], "greedy_min_top2_margin": (top[..., 0] - top[..., 1]).min().item()}
    print(name, tuple(ids.shape), "smallest margin between the two best scores", meta["cases"][name]["greedy_min_top2_margin"])
with open(os.path.join(a.out, "cases.json"), "w", encoding="utf-8") as f:
    json.dump(meta, f, ensure_ascii=False, indent=1)
