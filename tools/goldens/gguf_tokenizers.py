"""Writes tiny GGUF files with tokenizers, and what the sentencepiece library and llama.cpp encode with them.

Run by hand:  pip install gguf==0.19.0 sentencepiece==0.2.3 protobuf numpy
              python3 -P tools/goldens/gguf_tokenizers.py [path of llama_tokens, compiled from llama_tokens.cpp]
Output:       libs/model/test/fixtures/sentencepiece*.gguf, sentencepiece*-texts.json, byte-level.gguf, byte-level-texts.json

The SentencePiece vocabularies are trained on tools/goldens/evaluation-text.txt with byte fallback, as Llama's and Mistral's
are, and hold every type of piece. The expected ids come from sentencepiece and not from a converter, so the conversion
itself is under test. The byte-level one is libs/tokenizer's; its ids come from llama.cpp 0.5.0, once per pre-tokeniser.
"""

import io
import json
import random
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "libs/model/test/fixtures"
TEXT = Path(__file__).with_name("evaluation-text.txt")
VOCABULARY = 480
TEXTS = 300


# Runs of white space as code models have them, pieces that begin alike, and pieces inside which others begin.
USER_DEFINED = ["<tool>", "<to", "\u2581\u2581", "\u2581" * 4, "\u2581" * 8, "\t", "\t\t", "\n", "\n\n", '"""', "th", "hel", "el\u2581"]
PRE_TOKENIZERS = ["default", "gpt-2", "smollm", "starcoder", "qwen2", "deepseek-r1-qwen", "llama-bpe", "smaug-bpe", "tekken", "gpt-4o"]


def train(dummy_prefix: bool) -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.read_text().splitlines()),
        model_writer=model,
        vocab_size=VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        user_defined_symbols=USER_DEFINED,
        control_symbols=["<|end|>"],
        normalization_rule_name="identity",
        add_dummy_prefix=dummy_prefix,
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    return with_unused(model.getvalue())


def with_unused(model: bytes) -> bytes:
    """The last piece becomes one that stands for nothing, as checkpoints keep them for later."""
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    proto.pieces[-1].piece = "<unused0>"
    proto.pieces[-1].type = 5
    return proto.SerializeToString()


def write_sentencepiece(path: Path, model: bytes, dummy_prefix: bool) -> None:
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(256)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    # As the converters of llama.cpp do it: user-defined pieces stand there with plain spaces.
    plain = [piece.piece.replace("\u2581", " ") if piece.type == 4 else piece.piece for piece in proto.pieces]
    writer.add_token_list([piece.encode() for piece in plain])
    writer.add_token_scores([piece.score for piece in proto.pieces])
    writer.add_token_types([piece.type for piece in proto.pieces])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    if not dummy_prefix:
        writer.add_add_space_prefix(False)
    finish(writer)


def finish(writer: gguf.GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def write_byte_level(path: Path, pre: str) -> None:
    root = json.loads((ROOT / "libs/tokenizer/test/goldens/gpt2.tokenizer.json").read_text())
    special = {token["content"]: token["id"] for token in root["added_tokens"]}
    vocabulary = {**root["model"]["vocab"], **special}
    tokens = sorted(vocabulary, key=vocabulary.get)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(256)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list([token.encode() for token in tokens])
    writer.add_token_types([3 if token in special else 1 for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in root["model"]["merges"]])
    writer.add_bos_token_id(special["<|endoftext|>"])
    writer.add_eos_token_id(special["<|endoftext|>"])
    finish(writer)


def llama_cpp(program: str, path: Path, inputs: list[str]) -> list[list[int]]:
    data = b"".join(struct.pack("<I", len(text.encode())) + text.encode() for text in inputs)
    lines = subprocess.run([program, str(path)], input=data, capture_output=True, check=True).stdout.decode().splitlines()
    return [[int(token) for token in line.split()] for line in lines]


def fnv(ids: list[int]) -> int:
    value = 0x811C9DC5
    for byte in struct.pack(f"<{len(ids)}i", *ids):
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return value


def texts() -> list[str]:
    rng = random.Random(7)
    words = TEXT.read_text().split()
    parts = [
        lambda: " " + rng.choice(words),
        lambda: rng.choice(words),
        lambda: str(rng.randrange(100_000)),
        lambda: " " * rng.randrange(1, 12),
        lambda: rng.choice(USER_DEFINED).replace("\u2581", " "),
        lambda: rng.choice(["<unk>", "<s>", "<|end|>", "<0x0A>", "<unused0>", "\u2581", "hello", "(x)", "I'LL", "don't", "$+<=>^~|", "x2y"]),
        lambda: rng.choice("\n\t.,;!?()'\"-_/\\{}"),
        lambda: chr(rng.choice([rng.randrange(0xA1, 0x250), rng.randrange(0x4E00, 0x9FA0), rng.randrange(0x1F300, 0x1F640)])),
    ]
    return [""] + ["".join(rng.choice(parts)() for _ in range(rng.randrange(1, 24))) for _ in range(TEXTS - 1)]


def compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"))


def sentencepiece_goldens(name: str, dummy_prefix: bool, program: str | None) -> None:
    model = train(dummy_prefix)
    path = FIXTURES / f"{name}.gguf"
    write_sentencepiece(path, model, dummy_prefix)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    goldens = [{"text": text, "ids": [1, *processor.encode(text)]} for text in texts()]
    lines = ",\n".join(compact(golden) for golden in goldens)
    (FIXTURES / f"{name}-texts.json").write_text(f"[{lines}]\n")
    if program:
        other = llama_cpp(program, path, [golden["text"] for golden in goldens])
        print(name, "llama.cpp differs in", sum(ids != golden["ids"] for ids, golden in zip(other, goldens)), "texts")


def byte_level_goldens(program: str) -> None:
    write_byte_level(FIXTURES / "byte-level.gguf", "default")
    inputs = texts()
    hashes = {}
    with tempfile.TemporaryDirectory() as directory:
        for pre in PRE_TOKENIZERS:
            path = Path(directory, "vocabulary.gguf")
            write_byte_level(path, pre)
            hashes[pre] = [fnv(ids) for ids in llama_cpp(program, path, inputs)]
    (FIXTURES / "byte-level-texts.json").write_text(compact({"texts": inputs, "hashes": hashes}) + "\n")


def main() -> None:
    program = sys.argv[1] if len(sys.argv) > 1 else None
    FIXTURES.mkdir(parents=True, exist_ok=True)
    sentencepiece_goldens("sentencepiece", True, program)
    sentencepiece_goldens("sentencepiece-unprefixed", False, program)
    if program:
        byte_level_goldens(program)


if __name__ == "__main__":
    main()
