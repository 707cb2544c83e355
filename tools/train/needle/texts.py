"""Training sequences: a long text, then questions about it with their answers, as token ids with a weight for each."""

from tokenizers import Tokenizer

import facts
import ruler
from phrases import uuid

BOS, USER, ASSISTANT, END = 1, 2, 3, 4
CONTEXT_WEIGHT = 0.05
# How often each kind of text comes.
SHARES = {
    "facts": 26,
    "single_1": 6,
    "single_2": 8,
    "single_3": 8,
    "multikey_1": 10,
    "multikey_2": 12,
    "multikey_3": 8,
    "multivalue": 10,
    "multiquery": 10,
    "vt": 8,
    "cwe": 5,
    "fwe": 5,
}


class Texts:
    def __init__(self, tokenizer_file):
        self.tokenizer = Tokenizer.from_file(str(tokenizer_file))
        self.tasks = tuple(SHARES)

    def batch(self, rng, rows, length):
        """[rows, length + 1] ids and weights."""
        import torch

        sequences = [self.sequence(rng, length, rng.choices(self.tasks, SHARES.values())[0]) for _ in range(rows)]
        return torch.tensor([ids for ids, _ in sequences]), torch.tensor([weights for _, weights in sequences])

    def sequence(self, rng, length, task):
        """`length` + 1 ids and weights, padded."""
        head, parts, questions = self.text(rng, length, task)
        ids, weights = [BOS, USER], [0.0, 0.0]
        text = self.encode(f"{head}{parts}\n")
        ids += text
        weights += [CONTEXT_WEIGHT] * len(text)
        for number, (question, answer) in enumerate(questions):
            turn = ([USER] if number > 0 else []) + self.encode(question) + [END, ASSISTANT]
            reply = self.encode(answer) + [END]
            if len(ids) + len(turn) + len(reply) > length + 1:
                break
            ids += turn + reply
            weights += [0.0] * len(turn) + [1.0] * len(reply)
        missing = length + 1 - len(ids)
        return (ids + [0] * missing)[: length + 1], (weights + [0.0] * missing)[: length + 1]

    def encode(self, text):
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def count(self, text):
        return len(self.encode(text))

    def text(self, rng, length, task):
        if task == "facts":
            return facts.text(rng, length)
        if task == "vt":
            return self.chains(rng, length)
        if task == "cwe":
            return self.common_words(rng, length)
        if task == "fwe":
            return self.coded_words(rng, length)
        return self.needles(rng, length, task)

    def needles(self, rng, length, task):
        kind = "uuids" if task in ("single_3", "multikey_3") else "numbers"
        many = task in ("multikey_2", "multikey_3")
        each = rng.choice((2, 3, 4)) if task == "multivalue" else 1
        # A sentence with its key and number takes some 40 tokens, with identifiers three times as many.
        cost = 45 if kind == "numbers" else 100 if task == "single_3" else 120
        room = _room(length)
        least = {"single_1": 1, "single_2": 1, "single_3": 1, "multikey_1": 4, "multiquery": 4}.get(task, 1)
        most = max(1, room // (cost * each))
        keys = most if many else min(most, rng.randint(least, max(least, 8)))
        needles = ruler.Needles(rng, kind, keys, each, (lambda r: uuid(r)) if task == "multikey_3" else ruler.key_words)
        sentences = needles.sentences()
        rng.shuffle(sentences)
        hay = ruler.noise if task == "single_1" else ruler.haystack
        used = self.count(" ".join(sentences))
        while not many and used < room:
            sentence = hay(rng)
            used += self.count(sentence) + 1
            sentences.insert(rng.randrange(len(sentences) + 1), sentence)
        order = {sentence: at for at, sentence in enumerate(sentences)}
        names = list(needles.values)
        asked = [rng.sample(names, min(len(names), rng.randint(2, 4) if task == "multiquery" else 1)) for _ in range(24)]
        several = each > 1 or task == "multiquery"
        separator = "\n" if task == "single_1" or many else " "
        return f"{needles.head(several)}\n", separator.join(sentences), [needles.question(keys, order) for keys in asked]

    def chains(self, rng, length):
        """Now and then with a solved example before it, as the evaluation has it."""
        example = self.chain_text(rng, 3, 8) if length > 1400 else None
        asked = self.chain_text(rng, 5, max(2, (_room(length) - (500 if example else 60)) // (self.count(ruler.NOISE) + 1)))
        head = ruler.CHAIN_HEAD
        if example is not None:
            head = f"{head}{example[0]}\n{example[1][0]}\n{example[1][1]}\n\n{head}"
        return head, asked[0], [asked[1]]

    def chain_text(self, rng, letters, lines):
        value, names, assignments = ruler.chain(rng, letters)
        hay = [ruler.NOISE] * lines
        for offset, (place, line) in enumerate(zip(sorted(rng.randrange(lines + 1) for _ in assignments), assignments)):
            hay.insert(place + offset, line)
        return "\n".join(hay), ruler.chain_question(value, names)

    def common_words(self, rng, length):
        """Ten words of a list come more often than the others; a word takes some six tokens."""
        often, seldom = (30, 3) if length >= 8192 else (6, 1) if length >= 1024 else (4, 1)
        common = 10 if length >= 1024 else 4
        others = max(4, (_room(length) // 7 - common * often) // seldom)
        entries, words = ruler.word_list(rng, common + others, common, often, seldom)
        head = ruler.COMMON_HEAD
        return head, ruler.numbered(entries), [ruler.common_question(words)]

    def coded_words(self, rng, length):
        """Words of six letters whose counts fall with the square of their rank; the first is written as dots."""
        count = max(60, _room(length) // 5)
        ranks = max(5, length // 50)
        words = ["..."] + ["".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(6)) for _ in range(ranks - 1)]
        entries = [each for at, each in enumerate(words) for _ in range(int(count / (at + 1) ** 2 / 1.645))]
        rng.shuffle(entries)
        return ruler.CODED_HEAD, " ".join(entries), [ruler.coded_question(words[1:4])]


def _room(length):
    """Tokens for the text; the rest is for questions and answers."""
    return int(length * (0.4 if length < 1024 else 0.55 if length < 2048 else 0.75))
