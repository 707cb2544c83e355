"""The fixture model in PyTorch: a small Qwen3 (q/k norm, grouped KV heads, SwiGLU), and its optimiser."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

HIDDEN, LAYERS, HEADS, KV_HEADS, HEAD_DIM, FEED_FORWARD, VOCABULARY = 256, 4, 4, 2, 64, 640, 1024
ROPE_THETA = 5e6
NORM_EPS = 1e-6
MOST_POSITIONS = 131_072

_FREQUENCIES = 1.0 / (ROPE_THETA ** (torch.arange(0, HEAD_DIM, 2).double() / HEAD_DIM))


def norm(x, weight):
    return F.rms_norm(x.float(), (x.size(-1),), eps=NORM_EPS).to(x.dtype) * weight.to(x.dtype)


def rotary(positions):
    """[B, T] positions to cosines and sines, [B, 1, T, HEAD_DIM / 2] each."""
    angles = positions[..., None].double() * _FREQUENCIES
    return angles.cos().float()[:, None], angles.sin().float()[:, None]


def rotate(x, cosines, sines):
    a, b = x.chunk(2, -1)
    return torch.cat((a * cosines - b * sines, b * cosines + a * sines), -1)


def _linear(inputs, outputs):
    return nn.Linear(inputs, outputs, bias=False)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.o = _linear(HIDDEN, HEADS * HEAD_DIM), _linear(HEADS * HEAD_DIM, HIDDEN)
        self.k, self.v = _linear(HIDDEN, KV_HEADS * HEAD_DIM), _linear(HIDDEN, KV_HEADS * HEAD_DIM)
        self.gate, self.up = _linear(HIDDEN, FEED_FORWARD), _linear(HIDDEN, FEED_FORWARD)
        self.down = _linear(FEED_FORWARD, HIDDEN)
        self.attention_norm, self.feed_norm = nn.Parameter(torch.ones(HIDDEN)), nn.Parameter(torch.ones(HIDDEN))
        self.q_norm, self.k_norm = (nn.Parameter(torch.full((HEAD_DIM,), 1.5)) for _ in range(2))
        nn.init.zeros_(self.o.weight)
        nn.init.zeros_(self.down.weight)

    def forward(self, x, cosines, sines):
        batch, length, _ = x.shape
        h = norm(x, self.attention_norm)

        def heads(y, count):
            return y.view(batch, length, count, HEAD_DIM).transpose(1, 2)

        v = heads(self.v(h), KV_HEADS)
        q = rotate(norm(heads(self.q(h), HEADS), self.q_norm), cosines, sines).to(v.dtype)
        k = rotate(norm(heads(self.k(h), KV_HEADS), self.k_norm), cosines, sines).to(v.dtype)
        group = HEADS // KV_HEADS
        y = F.scaled_dot_product_attention(
            q, k.repeat_interleave(group, 1), v.repeat_interleave(group, 1), is_causal=True
        )
        x = x + self.o(y.transpose(1, 2).reshape(batch, length, HEADS * HEAD_DIM))
        h = norm(x, self.feed_norm)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Needle(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.Parameter(torch.ones(HIDDEN))
        self.head = _linear(HIDDEN, VOCABULARY)
        nn.init.normal_(self.embedding.weight, std=0.5)
        nn.init.normal_(self.head.weight, std=0.02)

    def forward(self, ids, positions):
        """[B, T] token ids and positions to the last hidden state, [B, T, HIDDEN]; `head` makes logits of it."""
        cosines, sines = rotary(positions)
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, cosines, sines)
        return norm(x, self.norm)


def orthogonal(gradient, steps=5):
    """Muon's direction: the nearest matrix with equal singular values, by a quintic Newton-Schulz iteration."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = gradient / (gradient.norm() + 1e-7)
    tall = x.size(0) > x.size(1)
    x = x.T if tall else x
    for _ in range(steps):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x


class Optimiser:
    """Muon on the matrices of the blocks, AdamW on everything else."""

    def __init__(self, model, adam_rate, muon_rate):
        named = list(model.named_parameters())
        self.matrices = [p for name, p in named if p.ndim == 2 and name.startswith("blocks")]
        self.others = [p for name, p in named if not (p.ndim == 2 and name.startswith("blocks"))]
        self.adam = torch.optim.AdamW(self.others, lr=adam_rate, betas=(0.9, 0.98), weight_decay=0.0)
        self.momenta = [torch.zeros_like(p) for p in self.matrices]
        self.adam_rate, self.muon_rate = adam_rate, muon_rate

    def zero(self):
        self.adam.zero_grad()
        for p in self.matrices:
            p.grad = None

    def step(self, factor):
        torch.nn.utils.clip_grad_norm_(self.others, 1.0)
        for group in self.adam.param_groups:
            group["lr"] = self.adam_rate * factor
        self.adam.step()
        rate = self.muon_rate * factor
        with torch.no_grad():
            for p, momentum in zip(self.matrices, self.momenta):
                momentum.mul_(0.95).add_(p.grad)
                update = orthogonal(p.grad.add(momentum, alpha=0.95))
                p.mul_(1 - 0.01 * rate).add_(update, alpha=-rate * math.sqrt(max(1, p.size(0) / p.size(1))))

    def state(self):
        return {"adam": self.adam.state_dict(), "momenta": self.momenta}

    def load(self, state):
        self.adam.load_state_dict(state["adam"])
        for mine, saved in zip(self.momenta, state["momenta"]):
            mine.copy_(saved)
