"""Writes golden blocks of ggml's element types with the values that the Python package `gguf` reads from them.

Run by hand:  pip install gguf==0.19.0 numpy  &&  python3 tools/goldens/gguf_blocks.py
Output:       libs/model/test/fixtures/gguf-blocks.json

Every type gets blocks of random bits, so that all quants, scales and masks occur; only the f16 scales are chosen, as
random bits would make some of them infinite.
"""

import base64
import json
from pathlib import Path

import gguf
import numpy as np

BLOCKS = 2
OUTPUT = Path(__file__).resolve().parents[2] / "libs/model/test/fixtures/gguf-blocks.json"

# Byte offsets of the f16 scales inside a block.
SCALES = {
    "Q8_0": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}


def quantised_blocks(name: str, rng: np.random.Generator) -> np.ndarray:
    _, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[name]]
    blocks = rng.integers(0, 256, (BLOCKS, size), dtype=np.uint8)
    for offset in SCALES[name]:
        scales = rng.normal(0, 0.05, BLOCKS).astype(np.float16)
        blocks[:, offset : offset + 2] = scales.view(np.uint8).reshape(BLOCKS, 2)
    return blocks


def plain_values(name: str, rng: np.random.Generator) -> np.ndarray:
    values = np.concatenate([rng.normal(0, 1, 24), [0, -0.0, 1e-7, -6e-8, 65504, 1 / 3, 2**-14, 2**-24]])
    values = values.astype(np.float32)
    if name == "F16":
        values = values.astype(np.float16)
    if name == "BF16":
        values = (values.view(np.uint32) >> 16).astype(np.uint16)
    return values.view(np.uint8).reshape(1, -1)


def encode(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def main() -> None:
    rng = np.random.default_rng(20)
    goldens = []
    for name in ["F32", "F16", "BF16", *SCALES]:
        blocks = quantised_blocks(name, rng) if name in SCALES else plain_values(name, rng)
        kind = gguf.GGMLQuantizationType[name]
        stored = {"F32": np.float32, "F16": np.float16}.get(name)
        data = blocks.view(stored) if stored else blocks
        values = gguf.quants.dequantize(data, kind).astype(np.float32)
        goldens.append({"dtype": name, "blocks": encode(blocks), "values": encode(values)})
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    OUTPUT.write_text(json.dumps(goldens, indent=1) + "\n")
    print(f"{OUTPUT}: {OUTPUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
