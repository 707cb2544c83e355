"""Writes which special tokens transformers puts around a text, by tokenizer class, post-processor and flags.

Run by hand, once with each version (they differ):
    pip install transformers==4.57.6  &&  python3 -P tools/goldens/bos_flags.py
    pip install transformers==5.23.0  &&  python3 -P tools/goldens/bos_flags.py
Output: libs/tokenizer/test/goldens/bos-flags.json

A case is `class post-processor add_bos_token add_eos_token`; its value is `B` for BOS, `x` for the text, `E` for EOS.
"""

import itertools
import json
import tempfile
from pathlib import Path

import transformers
from transformers import AutoTokenizer

GOLDENS = Path(__file__).resolve().parents[2] / "libs/tokenizer/test/goldens"
OUT = GOLDENS / "bos-flags.json"
BOS, EOS = "<|begin_of_text|>", "<|eot_id|>"
CLASSES = ["LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "Qwen2Tokenizer", "Qwen2TokenizerFast", "GPT2TokenizerFast"]
BYTE_LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": False, "use_regex": True}
FLAGS = [None, True, False]


def template(kind, ids):
    token = lambda text: [{"SpecialToken": {"id": text, "type_id": 0}}]
    single = (token(BOS) if "B" in kind else []) + [{"Sequence": {"id": "A", "type_id": 0}}] + (token(EOS) if "E" in kind else [])
    used = [text for text, mark in ((BOS, "B"), (EOS, "E")) if mark in kind]
    return {
        "type": "TemplateProcessing",
        "single": single,
        "pair": single + [{"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {text: {"id": text, "ids": [ids[text]], "tokens": [text]} for text in used},
    }


def post_processors(ids):
    yield "none", None
    yield "ByteLevel", BYTE_LEVEL
    for kind in ("B", "E", "BE"):
        yield kind, template(kind, ids)
    yield "ByteLevel+B", {"type": "Sequence", "processors": [BYTE_LEVEL, template("B", ids)]}


def framed(root, settings, ids):
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "tokenizer.json").write_text(json.dumps(root))
        Path(directory, "tokenizer_config.json").write_text(json.dumps(settings))
        got = AutoTokenizer.from_pretrained(directory)("a b").input_ids
    return ("B" if got[0] == ids[BOS] else "") + "x" + ("E" if got[-1] == ids[EOS] else "")


def main():
    root = json.loads((GOLDENS / "llama3.tokenizer.json").read_text())
    ids = {token["content"]: token["id"] for token in root["added_tokens"]}
    cases = {}
    for (name, post), kind, bos, eos in itertools.product(post_processors(ids), CLASSES, FLAGS, FLAGS):
        settings = {"tokenizer_class": kind, "bos_token": BOS, "eos_token": EOS, "add_bos_token": bos, "add_eos_token": eos}
        given = {key: value for key, value in settings.items() if value is not None}
        cases[f"{kind} {name} {json.dumps(bos)} {json.dumps(eos)}"] = framed({**root, "post_processor": post}, given, ids)
    goldens = json.loads(OUT.read_text()) if OUT.exists() else {}
    goldens[transformers.__version__] = cases
    OUT.write_text(json.dumps(goldens, indent=0, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
