"""Facts about people among filler sentences, with several ways of stating and asking."""

from phrases import digits, filler, hexadecimal, name, word

KINDS = (
    ("pass key", lambda rng: digits(rng, rng.choice((4, 5, 5, 6, 7)))),
    ("city", name),
    ("colour code", lambda rng: hexadecimal(rng, 6)),
    ("job", word),
    ("friend", name),
    ("room", lambda rng: str(rng.randrange(100, 9999))),
)


def stated(rng, who, kind, value):
    return rng.choice(
        (f"The {kind} of {who} is {value}.", f"Remember: the {kind} of {who} is {value}.", f"{who} has the {kind} {value}.")
    )


def asked(rng, who, kind):
    return rng.choice((f"What is the {kind} of {who}?", f"Tell me the {kind} of {who}.", f"{kind.capitalize()} of {who}?"))


def text(rng, length):
    """Head, text and questions. Facts are never cut off: the text ends where its room does."""
    share = rng.choice((0.1, 0.3, 0.6, 0.9)) if length < 600 else rng.choice((0.02, 0.1, 0.3, 0.6))
    # Sentences have some 14 tokens.
    count = int(length * (0.45 if length < 1024 else 0.75)) // 11
    listing = rng.random() < 0.25
    known, sentences = {}, []
    while len(sentences) < count:
        if rng.random() < share or (not known and len(sentences) == count - 1):
            who, (kind, value_of) = name(rng), rng.choice(KINDS)
            if (who, kind) in known:
                continue
            known[who, kind] = value = value_of(rng)
            sentences.append(f"{who} {kind}: {value}" if listing else stated(rng, who, kind, value))
        else:
            sentences.append(filler(rng))
    rng.shuffle(sentences)
    return "", " ".join(sentences), [question(rng, known) for _ in range(24)]


def question(rng, known):
    who, kind = rng.choice(list(known))
    value = known[who, kind]
    if rng.random() < 0.1:
        return f"Who has the {kind} {value}?", f"{who} has the {kind} {value}."
    return asked(rng, who, kind), f"The {kind} of {who} is {value}."
