"""Writes a tiny GGUF file with a SentencePiece tokenizer and what the sentencepiece library itself encodes.

Run by hand:  pip install gguf==0.19.0 sentencepiece==0.2.3 protobuf numpy  &&  python3 -P tools/goldens/gguf_tokenizers.py
Output:       libs/model/test/fixtures/sentencepiece.gguf, sentencepiece-texts.json

The vocabulary is trained on tools/goldens/evaluation-text.txt with byte fallback, as Llama's and Mistral's are. The
expected ids come from sentencepiece and not from a converter, so the conversion itself is under test.
"""

import io
import json
import random
from pathlib import Path

import gguf
import sentencepiece
from sentencepiece import sentencepiece_model_pb2

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "libs/model/test/fixtures"
TEXT = Path(__file__).with_name("evaluation-text.txt")
VOCABULARY = 480
TEXTS = 300


def train() -> bytes:
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.read_text().splitlines()),
        model_writer=model,
        vocab_size=VOCABULARY,
        model_type="bpe",
        byte_fallback=True,
        user_defined_symbols=["<tool>"],
        control_symbols=["<|end|>"],
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        allow_whitespace_only_pieces=True,
        minloglevel=2,
    )
    return model.getvalue()


def write_gguf(model: bytes) -> None:
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(model)
    writer = gguf.GGUFWriter(FIXTURES / "sentencepiece.gguf", "llama")
    writer.add_context_length(256)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list([piece.piece.encode() for piece in proto.pieces])
    writer.add_token_scores([piece.score for piece in proto.pieces])
    writer.add_token_types([piece.type for piece in proto.pieces])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(True)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.close()


def texts() -> list[str]:
    rng = random.Random(7)
    words = TEXT.read_text().split()
    parts = [
        lambda: " " + rng.choice(words),
        lambda: rng.choice(words),
        lambda: str(rng.randrange(100_000)),
        lambda: " " * rng.randrange(1, 5),
        lambda: rng.choice("\n\t.,;!?()'\"-_/\\{}"),
        lambda: chr(rng.choice([rng.randrange(0xA1, 0x250), rng.randrange(0x4E00, 0x9FA0), rng.randrange(0x1F300, 0x1F640)])),
    ]
    return [""] + ["".join(rng.choice(parts)() for _ in range(rng.randrange(1, 24))) for _ in range(TEXTS - 1)]


def main() -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    model = train()
    write_gguf(model)
    processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    goldens = [{"text": text, "ids": [1, *processor.encode(text)]} for text in texts()]
    output = FIXTURES / "sentencepiece-texts.json"
    output.write_text(json.dumps(goldens, ensure_ascii=True, separators=(",", ":")).replace("},", "},\n") + "\n")
    print(*(f"{path.name}: {path.stat().st_size} bytes" for path in FIXTURES.glob("sentencepiece*")), sep="\n")


if __name__ == "__main__":
    main()
