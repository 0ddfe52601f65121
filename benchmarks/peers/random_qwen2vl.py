"""Writes a Qwen2-VL folder of the published 2B shape whose weights are random bfloat16: right for timing, useless for answers.

    python3 random_qwen2vl.py FOLDER [TOKENIZER_FOLDER] [--set KEY=VALUE ..] [--type float32]      (4.4 GB)

Tokenizer, chat template and picture settings are not random: they are copied from TOKENIZER_FOLDER, a published Qwen2-VL folder (weights not needed).
Without them transformers and `sightline benchmark language` still run, llama.cpp's converter, `sightline ground` and `sightline benchmark tuning` do not.
--set makes other shapes: text.num_hidden_layers=4 vision.depth=4 text.vocab_size=21760. Ids of pictures are the last ones where the vocabulary is too small for the published ones.
"""
import argparse
import os
import shutil

import torch
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration

FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "chat_template.json", "preprocessor_config.json")


def config(changes):
    text = {
        "hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12, "num_key_value_heads": 2,
        "vocab_size": 151936, "max_position_embeddings": 32768, "rms_norm_eps": 1e-6, "rope_theta": 1000000.0,
        "rope_scaling": {"type": "mrope", "mrope_section": [16, 24, 24]}, "tie_word_embeddings": True, "bos_token_id": 151643, "eos_token_id": 151645,
    }
    vision = {"depth": 32, "embed_dim": 1280, "num_heads": 16, "mlp_ratio": 4, "hidden_size": 1536, "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "in_chans": 3}
    ids = {"image_token_id": 151655, "video_token_id": 151656, "vision_start_token_id": 151652, "vision_end_token_id": 151653}
    for change in changes:
        part, _, rest = change.partition(".")
        key, _, value = rest.partition("=")
        {"text": text, "vision": vision}[part][key] = int(value)
    half = text["hidden_size"] // text["num_attention_heads"] // 2
    if half != 64:  # the published shares of the three axes
        text["rope_scaling"] = {"type": "mrope", "mrope_section": [half - 2 * (half * 3 // 8), half * 3 // 8, half * 3 // 8]}
    vision["hidden_size"] = text["hidden_size"]
    if text["vocab_size"] <= max(ids.values()):
        ids = {name: text["vocab_size"] - 4 + i for i, name in enumerate(ids)}
        text["bos_token_id"], text["eos_token_id"] = text["vocab_size"] - 6, text["vocab_size"] - 5
    return Qwen2VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("tokenizer", nargs="?")
    parser.add_argument("--set", nargs="*", default=[])
    parser.add_argument("--type", default="bfloat16")
    a = parser.parse_args()
    torch.manual_seed(0)
    torch.set_default_dtype(getattr(torch, a.type))
    Qwen2VLForConditionalGeneration(config(a.set)).save_pretrained(a.folder, max_shard_size="2GB")
    for name in FILES if a.tokenizer else ():
        if os.path.exists(os.path.join(a.tokenizer, name)):
            shutil.copy(os.path.join(a.tokenizer, name), a.folder)


if __name__ == "__main__":
    main()
