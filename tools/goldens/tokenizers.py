"""Writes the tokenizer goldens of libs/tokenizer: tiny tokenizer.json files and hashes of what Hugging Face encodes.

Run by hand, from anywhere, with the Python packages `tokenizers`, `transformers` and `jinja2`:

    python tools/goldens/tokenizers.py             # train what is missing, then write hashes and chat goldens
    python tools/goldens/tokenizers.py --retrain   # train every tiny vocabulary again first
    python tools/goldens/tokenizers.py --show KIND INDEX   # print one string, its ids and its tokens

The 10,000 strings are not stored: `strings()` below and test/goldens/strings.ts make the same ones from one seed.
Per kind `<kind>.bin` holds three arrays of 10,000 little-endian uint32 FNV-1a hashes: ids with special tokens added
and parsed; ids with neither; UTF-8 of the decoded text of the first, special tokens skipped.
"""

import sys

sys.path = [p for p in sys.path if not p.rstrip("/").endswith("goldens")]  # this file's name hides the library's

import array
import json
import pathlib

import jinja2
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUT = ROOT / "libs/tokenizer/test/goldens"
NEEDLE = ROOT / "libs/testing/fixtures/needle-3m/tokenizer.json"
COUNT = 10_000
MASK = 0xFFFFFFFF

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = "|".join(
    [
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


class Random:
    """mulberry32; the same as test/goldens/strings.ts."""

    def __init__(self, seed):
        self.state = seed & MASK

    def next(self):
        self.state = (self.state + 0x6D2B79F5) & MASK
        t = ((self.state ^ (self.state >> 15)) * (self.state | 1)) & MASK
        t ^= (t + (((t ^ (t >> 7)) * (t | 61)) & MASK)) & MASK
        return t ^ (t >> 14)

    def below(self, n):
        return self.next() % n


def code_point(random):
    """Any Unicode scalar value; half of them from the first 0x3000."""
    value = random.below(0x3000) if random.below(2) else random.below(0x110000)
    return chr(value - 0x800 if 0xD800 <= value < 0xE000 else value)


def strings(count=COUNT, seed=20240607):
    pools = list(json.loads((OUT / "alphabet.json").read_text()).values())
    random = Random(seed)
    result = []
    for _ in range(count):
        parts = []
        for _ in range(random.below(12)):
            kind = random.below(len(pools) + 3)
            if kind < len(pools):
                part = pools[kind][random.below(len(pools[kind]))]
            elif kind == len(pools):
                part = " " + pools[0][random.below(len(pools[0]))]
            elif kind == len(pools) + 1:
                part = code_point(random)
            else:
                pool = pools[random.below(len(pools))]
                part = pool[random.below(len(pool))] * (1 + random.below(9))
            parts.append(part)
        result.append("".join(parts))
    return result


def fnv(data):
    value = 0x811C9DC5
    for byte in data:
        value = ((value ^ byte) * 0x01000193) & MASK
    return value


def hash_ids(ids):
    return fnv(array.array("I", ids).tobytes())


def corpus():
    return (OUT / "corpus.txt").read_text().splitlines(keepends=True)


def train_byte_level(split, size, specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = split
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_special_tokens(specials)
    return tokenizer


def byte_level(prefix=False, regex=True):
    return pre_tokenizers.ByteLevel(add_prefix_space=prefix, use_regex=regex)


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), byte_level(regex=False)])


def make_gpt2():
    tokenizer = train_byte_level(byte_level(), 700, ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def make_roberta_prefix():
    tokenizer = train_byte_level(byte_level(prefix=True), 500, [AddedToken("<mask>", lstrip=True)])
    tokenizer.add_tokens([AddedToken("tokens", single_word=True), AddedToken("Zebra", normalized=True, rstrip=True)])
    return tokenizer


def make_llama3():
    specials = ["<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"]
    tokenizer = train_byte_level(split_then_bytes(LLAMA3), 900, specials)
    bos = tokenizer.token_to_id("<|begin_of_text|>")
    template = processors.TemplateProcessing(
        single="<|begin_of_text|> $A",
        pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
        special_tokens=[("<|begin_of_text|>", bos)],
    )
    tokenizer.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=False), template])
    spec = json.loads(tokenizer.to_str())
    spec["model"]["ignore_merges"] = True
    vocab = spec["model"]["vocab"]
    # A word that no chain of merges reaches: only `ignore_merges` finds it.
    vocab["Ġantidisestablishmentarianism"] = vocab.pop(max(vocab, key=lambda t: (len(t), t)))
    kept = set(vocab)
    spec["model"]["merges"] = [m for m in spec["model"]["merges"] if "".join(m) in kept and set(m) <= kept]
    return Tokenizer.from_str(json.dumps(spec))


def make_qwen2():
    tokenizer = train_byte_level(split_then_bytes(QWEN2), 800, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    tokenizer.normalizer = normalizers.NFC()
    plain = [AddedToken(t, normalized=False) for t in ("<tool_call>", "</tool_call>", "<think>", "</think>")]
    tokenizer.add_tokens(plain)
    return tokenizer


def make_o200k():
    return train_byte_level(split_then_bytes(O200K), 800, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def make_smollm():
    split = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), byte_level()])
    return train_byte_level(split, 700, ["<|endoftext|>", "<|im_start|>", "<|im_end|>"])


def train_sentencepiece(split, size, specials):
    """BPE over characters with '▁' for a space and the 256 byte tokens, as the converters of such models write it."""
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    if split:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    names = specials + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=size, special_tokens=names, show_progress=False, limit_alphabet=180)
    tokenizer.train_from_iterator([line.rstrip("\n") for line in corpus()], trainer)
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] in specials]
    spec["pre_tokenizer"] = None
    return Tokenizer.from_str(json.dumps(spec))


def sentencepiece_decoder(strip=True):
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence(steps + ([decoders.Strip(" ", 1, 0)] if strip else []))


def bos_template(token, index):
    return processors.TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A {token}:1 $B:1", special_tokens=[(token, index)]
    )


def make_llama2():
    tokenizer = train_sentencepiece(True, 1000, ["<unk>", "<s>", "</s>"])
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = sentencepiece_decoder()
    tokenizer.post_processor = bos_template("<s>", 1)
    return tokenizer


def make_mistral():
    tokenizer = train_sentencepiece(True, 900, ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"])
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = sentencepiece_decoder()
    tokenizer.post_processor = bos_template("<s>", 1)
    return tokenizer


def make_phi3():
    tokenizer = make_llama2()
    tokenizer.post_processor = bos_template("<s>", 1)
    tokenizer.add_special_tokens([AddedToken(t, rstrip=True) for t in ("<|endoftext|>", "<|im_end|>", "<|user|>")])
    return tokenizer


def make_gemma():
    tokenizer = train_sentencepiece(False, 1100, ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = sentencepiece_decoder(strip=False)
    tokenizer.post_processor = bos_template("<bos>", 2)
    tokenizer.add_tokens([AddedToken("\n" * n, normalized=False) for n in (1, 2, 3)])
    return tokenizer


def make_metaspace():
    tokenizer = train_sentencepiece(True, 900, ["<unk>", "<s>", "</s>"])
    spec = json.loads(tokenizer.to_str())
    spec["model"]["byte_fallback"] = False  # so that unknown characters exist and are fused
    tokenizer = Tokenizer.from_str(json.dumps(spec))
    tokenizer.normalizer = None
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="always", split=True)
    return tokenizer


MAKERS = {
    "gpt2": make_gpt2,
    "roberta-prefix": make_roberta_prefix,
    "llama3": make_llama3,
    "qwen2": make_qwen2,
    "o200k": make_o200k,
    "smollm": make_smollm,
    "llama2": make_llama2,
    "mistral": make_mistral,
    "phi3": make_phi3,
    "gemma": make_gemma,
    "metaspace": make_metaspace,
}


def load(kind):
    path = NEEDLE if kind == "needle-3m" else OUT / f"{kind}.tokenizer.json"
    return Tokenizer.from_file(str(path))


def write_hashes(kind, texts):
    tokenizer = load(kind)
    rows = [array.array("I"), array.array("I"), array.array("I")]
    for text in texts:
        ids = tokenizer.encode(text).ids
        rows[0].append(hash_ids(ids))
        rows[2].append(fnv(tokenizer.decode(ids).encode()))
    tokenizer.encode_special_tokens = True
    for text in texts:
        rows[1].append(hash_ids(tokenizer.encode(text, add_special_tokens=False).ids))
    (OUT / f"{kind}.bin").write_bytes(b"".join(row.tobytes() for row in rows))
    print(kind, tokenizer.get_vocab_size(), [hex(row[7]) for row in rows])


# Template, tokenizer, BOS and EOS of the chat goldens.
CHATS = {
    "chatml": ("smollm", "<|im_start|>", "<|im_end|>"),
    "headers": ("llama3", "<|begin_of_text|>", "<|eot_id|>"),
    "inst": ("mistral", "<s>", "</s>"),
    "turns": ("gemma", "<bos>", "<eos>"),
    "tools": ("qwen2", None, "<|im_end|>"),
}
DATE = "26 Jul 2024"


def chat_case(tokenizer, source, case):
    """Text and ids of `apply_chat_template`, or the words of the template's refusal."""
    options = dict(chat_template=source, add_generation_prompt=case.get("addGenerationPrompt", True))
    options.update(tools=case.get("tools"), **case.get("variables", {}))
    try:
        text = tokenizer.apply_chat_template(case["messages"], tokenize=False, **options)
        ids = tokenizer.apply_chat_template(case["messages"], tokenize=True, return_dict=False, **options)
        return {"text": text, "ids": list(ids)}
    except jinja2.TemplateError as error:
        return {"refused": str(error)}


def write_chats():
    conversations = json.loads((OUT / "chat/conversations.json").read_text())
    goldens = {}
    for name, (kind, bos, eos) in CHATS.items():
        tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(OUT / f"{kind}.tokenizer.json"))
        tokenizer.add_special_tokens({k: v for k, v in (("bos_token", bos), ("eos_token", eos)) if v})
        source = (OUT / f"chat/{name}.jinja").read_text().replace("strftime_now('%d %b %Y')", f"'{DATE}'")
        cases = {case: chat_case(tokenizer, source, spec) for case, spec in conversations.items()}
        goldens[name] = {"kind": kind, "bos_token": bos, "eos_token": eos, "cases": cases}
    (OUT / "chat/goldens.json").write_text(json.dumps(goldens, ensure_ascii=False) + "\n")


def show(kind, index):
    tokenizer = load(kind)
    text = strings()[index]
    encoding = tokenizer.encode(text)
    print(repr(text), encoding.ids, encoding.tokens, repr(tokenizer.decode(encoding.ids)), sep="\n")
    tokenizer.encode_special_tokens = True
    print(tokenizer.encode(text, add_special_tokens=False).ids)


def main():
    if "--show" in sys.argv:
        at = sys.argv.index("--show")
        return show(sys.argv[at + 1], int(sys.argv[at + 2]))
    for kind, make in MAKERS.items():
        path = OUT / f"{kind}.tokenizer.json"
        if "--retrain" in sys.argv or not path.exists():
            path.write_text(make().to_str(pretty=False) + "\n")
    texts = strings()
    print("strings", hex(fnv("\0".join(texts).encode())))
    for kind in ["needle-3m", *MAKERS]:
        write_hashes(kind, texts)
    write_chats()


if __name__ == "__main__":
    main()
