"""Reads and writes the model as a Hugging Face checkpoint (Qwen3)."""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from model import LAYERS

_OF_BLOCK = {
    "self_attn.q_proj.weight": "q.weight",
    "self_attn.k_proj.weight": "k.weight",
    "self_attn.v_proj.weight": "v.weight",
    "self_attn.o_proj.weight": "o.weight",
    "mlp.gate_proj.weight": "gate.weight",
    "mlp.up_proj.weight": "up.weight",
    "mlp.down_proj.weight": "down.weight",
    "input_layernorm.weight": "attention_norm",
    "post_attention_layernorm.weight": "feed_norm",
    "self_attn.q_norm.weight": "q_norm",
    "self_attn.k_norm.weight": "k_norm",
}
_OTHERS = {"model.embed_tokens.weight": "embedding.weight", "model.norm.weight": "norm", "lm_head.weight": "head.weight"}


def _names():
    """Names in the checkpoint, each with the model's own."""
    names = dict(_OTHERS)
    for layer in range(LAYERS):
        for theirs, ours in _OF_BLOCK.items():
            names[f"model.layers.{layer}.{theirs}"] = f"blocks.{layer}.{ours}"
    return names


def load(model, folder):
    tensors = load_file(Path(folder) / "model.safetensors")
    model.load_state_dict({ours: tensors[theirs].float() for theirs, ours in _names().items()})


def save(model, folder, template):
    """Writes bf16 weights; configuration and tokenizer are those of `template`."""
    folder, template = Path(folder), Path(template)
    folder.mkdir(parents=True, exist_ok=True)
    state = model.state_dict()
    tensors = {theirs: state[ours].detach().to(torch.bfloat16).contiguous() for theirs, ours in _names().items()}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        if folder.resolve() != template.resolve():
            shutil.copyfile(template / name, folder / name)
    json.loads((folder / "config.json").read_text())
