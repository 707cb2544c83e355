"""Trains the fixture model `needle-3m` on CPU.

    python train.py --out DIR [--from CHECKPOINT] [--minutes N]

Stages of rising length; the state is kept in DIR/state.pt every few minutes and a run goes on from there, with the same
data: every step's texts follow from the seed and the step's number alone.
"""

import argparse
import json
import math
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F

import checkpoint
from evaluate import exact_answers
from model import MOST_POSITIONS, HIDDEN, Needle, Optimiser
from texts import Texts

SEED = 20_261_130
# Length, sequences a step, steps, rate against the first stage's.
STAGES = (
    (512, 12, 1200, 1.0),
    (1024, 6, 1000, 1.0),
    (2048, 3, 900, 0.7),
    (4096, 2, 700, 0.5),
    (8192, 1, 500, 0.35),
    (16384, 1, 200, 0.2),
)
ADAM_RATE, MUON_RATE = 3e-3, 0.02
CONTEXT_SHARE = 0.05
WARM_STEPS = 50
SAVE_SECONDS = 180


def stage_of(step, stages):
    for length, batch, steps, rate in stages:
        if step < steps:
            return length, batch, rate
        step -= steps
    return None


def spread_positions(batch, length, rng):
    """Positions of each row; half of the rows jump ahead at up to eight places, so that far distances are known."""
    positions = torch.arange(length).repeat(batch, 1)
    for row in positions:
        if rng.random() < 0.5:
            continue
        jumps = rng.choice((1, 2, 4, 8))
        room = math.exp(rng.uniform(0, math.log(MOST_POSITIONS - length)))
        weights = [rng.random() for _ in range(jumps)]
        for cut, weight in zip(sorted(rng.randrange(1, length) for _ in range(jumps)), weights):
            row[cut:] += int(room * weight / sum(weights))
    return positions


def loss_of(model, ids, weights, positions):
    """Mean loss over the weighted tokens, and that of the answers alone."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model(ids[:, :-1], positions)
    targets, weights = ids[:, 1:].reshape(-1), weights[:, 1:].reshape(-1)
    chosen = weights > 0
    logits = model.head(hidden.reshape(-1, HIDDEN)[chosen].float())
    losses, weights = F.cross_entropy(logits, targets[chosen], reduction="none"), weights[chosen]
    return (losses * weights).sum() / weights.sum(), losses[weights > 0.5].mean().item()


def factor_of(step, total, rate):
    falling = 1 if step < 0.6 * total else max(0.05, (total - step) / (0.4 * total))
    return min(1, (step + 1) / WARM_STEPS) * rate * falling


def save_state(path, model, optimiser, step):
    temporary = path.with_suffix(".new")
    torch.save({"model": model.state_dict(), "optimiser": optimiser.state(), "step": step}, temporary)
    temporary.replace(path)


def main():
    options = parse()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    options.out.mkdir(parents=True, exist_ok=True)
    stages = tuple(tuple(stage) for stage in json.loads(options.stages)) if options.stages else STAGES
    model, texts = Needle(), Texts(options.template / "tokenizer.json")
    optimiser = Optimiser(model, ADAM_RATE * options.rate, MUON_RATE * options.rate)
    state_file, step = options.out / "state.pt", 0
    if state_file.exists():
        state = torch.load(state_file)
        model.load_state_dict(state["model"])
        optimiser.load(state["optimiser"])
        step = state["step"]
    elif options.start is not None:
        checkpoint.load(model, options.start)
    total = sum(steps for _, _, steps, _ in stages)
    begun = saved = time.time()
    tokens = 0
    while step < total and time.time() - begun < options.minutes * 60:
        length, batch, rate = stage_of(step, stages)
        rng = random.Random(f"{SEED}/{step}")
        ids, weights = texts.batch(rng, batch, length)
        loss, of_answers = loss_of(model, ids, weights, spread_positions(batch, length, rng))
        optimiser.zero()
        loss.backward()
        optimiser.step(factor_of(step, total, rate))
        step, tokens = step + 1, tokens + batch * length
        if step % 25 == 0:
            rate_now = tokens / (time.time() - begun)
            print(f"{step}/{total} length {length} loss {loss.item():.3f} answers {of_answers:.3f} {rate_now:.0f} tokens/s", flush=True)
        if time.time() - saved > SAVE_SECONDS or step == total:
            save_state(state_file, model, optimiser, step)
            checkpoint.save(model, options.out / "checkpoint", options.template)
            print("  exact answers by task:", exact_answers(model, texts, min(length, 2048)), flush=True)
            saved = time.time()
    save_state(state_file, model, optimiser, step)
    checkpoint.save(model, options.out / "checkpoint", options.template)


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    fixture = Path(__file__).resolve().parents[3] / "libs/testing/fixtures/needle-3m"
    parser.add_argument("--out", type=Path, required=True, help="folder of the state and of the checkpoint")
    parser.add_argument("--from", dest="start", type=Path, help="checkpoint to begin with; without: random weights")
    parser.add_argument("--template", type=Path, default=fixture, help="checkpoint whose tokenizer and configuration are used")
    parser.add_argument("--minutes", type=float, default=240, help="stop after so long; the next run goes on")
    parser.add_argument("--rate", type=float, default=1.0, help="learning rates times this")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--stages", help="other stages, JSON [[length, batch, steps, rate], ...]")
    return parser.parse_args()


if __name__ == "__main__":
    main()
