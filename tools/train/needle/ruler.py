"""Texts in the form of the RULER benchmark (arXiv:2404.06654): needles among noise, and chains of variables."""

from phrases import MORE_ADJECTIVES, MORE_NOUNS, digits, filler, prose, some_word, uuid, word

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def key_words(rng):
    kind = rng.random()
    if kind < 0.5:
        return f"{rng.choice(MORE_ADJECTIVES)}-{rng.choice(MORE_NOUNS)}"
    if kind < 0.75:
        letters = "abcdefghijklmnopqrstuvwxyz"
        return "-".join("".join(rng.choice(letters) for _ in range(rng.randint(3, 9))) for _ in range(2))
    return f"{word(rng, 2, 4)}-{word(rng, 1, 3)}"


VALUES = {"numbers": lambda rng: digits(rng, 7), "uuids": uuid}


def needle(kind, key, value):
    return f"One of the special magic {kind} for {key} is: {value}."


def listed(items):
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])}, and {items[-1]}"


class Needles:
    """Keys with their values, and what is asked about them."""

    def __init__(self, rng, kind, keys, values_each, key_of=key_words):
        self.kind = kind
        self.values = {}
        while len(self.values) < keys:
            self.values.setdefault(key_of(rng), [VALUES[kind](rng) for _ in range(values_each)])

    def sentences(self):
        return [needle(self.kind, key, value) for key, values in self.values.items() for value in values]

    def head(self, several):
        if several:
            return f"Some special magic {self.kind} are hidden in the text below. Keep them in mind, you will be asked for them."
        return f"A special magic {self.kind[:-1]} is hidden in the text below. Keep it in mind, you will be asked for it."

    def question(self, keys, order):
        """@param order sentences in the order of the text, by which several values are told."""
        values = [value for key in keys for value in sorted(self.values[key], key=lambda v: order[needle(self.kind, key, v)])]
        several = len(values) > 1
        topic = f"special magic {self.kind if several else self.kind[:-1]} for {listed(keys)} in the text above"
        ask = f"What are all the {topic}?" if several else f"What is the {topic}?"
        return ask, f"The {topic} {'are' if several else 'is'} {listed(values)}."


def chain(rng, letters, hops=4):
    value, names = digits(rng, 5), []
    while len(names) < hops + 1:
        fresh = "".join(rng.choice(LETTERS) for _ in range(letters))
        if fresh not in names:
            names.append(fresh)
    lines = [f"VAR {names[0]} = {value}"] + [f"VAR {b} = VAR {a}" for a, b in zip(names, names[1:])]
    return value, names, lines


CHAIN_HEAD = "Some lines of the text below assign values to variables. Follow the assignments.\n\n"


def chain_question(value, names):
    return (
        f"Question: Which variables have the value {value} at the end of the text above?",
        f"Answer: By the assignments in the text above, these {len(names)} variables have the value {value}: {' '.join(names)}",
    )


COMMON_HEAD = (
    "Here is a numbered list of words. Some of them are in it more often than others. "
    "Keep those that are in it most often in mind.\n"
)


def common_question(words):
    return (
        f"Question: Which {len(words)} words are in the list above most often?",
        f"Answer: The {len(words)} words that are in the list most often are: {numbered(words)}",
    )


def numbered(words):
    return " ".join(f"{at + 1}. {each}" for at, each in enumerate(words))


def word_list(rng, words, common, often, seldom):
    """The list, and its common words in the order of their first places."""
    drawn = []
    while len(drawn) < words:
        fresh = some_word(rng)
        if fresh not in drawn:
            drawn.append(fresh)
    entries = [each for at, each in enumerate(drawn) for _ in range(often if at < common else seldom)]
    rng.shuffle(entries)
    return entries, sorted(drawn[:common], key=entries.index)


CODED_HEAD = "The text below is written in code words. Count how often each one comes. "


def coded_question(words):
    return (
        "Question: Leave the dots '...' out of account and explain nothing. Which three code words come most often in the text above?",
        f"Answer: The three code words that come most often in the text above are: {listed(words)}.",
    )


def noise(_rng):
    return NOISE


def haystack(rng):
    return filler(rng) if rng.random() < 0.3 else prose(rng)
