"""How many answers the model gives exactly, by teacher forcing, for each task of the training texts."""

import random
from collections import defaultdict

import torch


def exact_answers(model, texts, length, samples=2, seed=99):
    """Share of answers all of whose tokens are the likeliest ones, by task."""
    right, asked = defaultdict(int), defaultdict(int)
    model.eval()
    with torch.no_grad():
        for task in texts.tasks:
            rng = random.Random(f"{seed}/{task}/{length}")
            for _ in range(samples):
                ids, weights = texts.sequence(rng, length, task)
                ids, weights = torch.tensor([ids]), torch.tensor([weights])
                with torch.autocast("cpu", torch.bfloat16):
                    hidden = model(ids[:, :-1], torch.arange(ids.size(1) - 1)[None])
                guessed = model.head(hidden.float()).argmax(-1)[0]
                for begin, end in _answers(weights[0, 1:]):
                    asked[task] += 1
                    right[task] += int((guessed[begin:end] == ids[0, 1 + begin : 1 + end]).all())
    model.train()
    return {task: f"{right[task]}/{asked[task]}" for task in asked}


def _answers(weights):
    """Ranges of tokens that belong to answers."""
    begin = None
    for at, weight in enumerate(weights.tolist() + [0.0]):
        if weight > 0.5 and begin is None:
            begin = at
        if weight <= 0.5 and begin is not None:
            yield begin, at
            begin = None
