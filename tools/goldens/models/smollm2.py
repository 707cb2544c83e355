"""Reference results of the default model, SmolLM2-135M-Instruct: greedy continuations, perplexity, token ids.

The weights are the dequantised Q4_1 tensors of the GGUF file, computed in float32. Run by hand:
    python smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf
"""

import argparse
import hashlib
import json
import random
from pathlib import Path

import torch
import transformers as tf
from tokenizers import pre_tokenizers

from smollm2_texts import LONG_QUESTION, PROMPTS, fragments

HERE = Path(__file__).resolve().parents[1]
OUT = HERE / 'out' / 'smollm2-135m'
STEPS = 64
TEXTS = 200


def corrected_tokenizer(gguf):
    """transformers' conversion drops the step that splits digits one by one; this puts it back."""
    fast = tf.AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    fast.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    fast.backend_tokenizer.post_processor = None
    return fast


def encode(fast, text):
    return fast.backend_tokenizer.encode(text, add_special_tokens=False).ids


def chat(question):
    return f'<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n'


def greedy(model, ids):
    """Continues by the most likely token, past the end-of-text token as well, and keeps how close the choice was."""
    cache = tf.DynamicCache(config=model.config)
    tokens, margins, runners_up = [], [], []
    step = torch.tensor([ids])
    for _ in range(STEPS):
        with torch.no_grad():
            logits = model(input_ids=step, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[0, -1]
        best = logits.float().topk(2)
        tokens.append(int(best.indices[0]))
        runners_up.append(int(best.indices[1]))
        margins.append(round(float(best.values[0] - best.values[1]), 5))
        step = torch.tensor([[tokens[-1]]])
    return {'outputTokens': tokens, 'secondTokens': runners_up, 'margins': margins}


def continuations(model, fast, text):
    prompts = list(PROMPTS) + [{'name': 'long', 'text': chat(text + '\n\n' + LONG_QUESTION)}]
    results = []
    for prompt in prompts:
        body = prompt['text'] if 'text' in prompt else chat(prompt['chat'])
        ids = encode(fast, body)
        result = greedy(model, ids)
        shown = fast.decode(result['outputTokens'])
        print(f"{prompt['name']:12} {len(ids):5} tokens  min margin {min(result['margins']):.5f}  {shown[:70]!r}", flush=True)
        results.append({'name': prompt['name'], 'promptTokens': ids, 'outputText': shown, **result})
    return results


def perplexity(model, ids):
    """Mean negative log-likelihood in nats of tokens 1 .. n-1, each given all before it."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
    losses = torch.nn.functional.cross_entropy(logits[:-1].double(), torch.tensor(ids[1:]), reduction='none')
    top1 = (logits[:-1].argmax(-1) == torch.tensor(ids[1:])).float().mean()
    return {
        'tokens': ids,
        'meanNll': round(losses.mean().item(), 6),
        'perplexity': round(losses.mean().exp().item(), 5),
        'top1Accuracy': round(top1.item(), 4),
        'nll': [round(x, 4) for x in losses.tolist()],
    }


def mixed_texts():
    """Texts made of fragments that differ in what a pre-tokeniser does with them."""
    rng = random.Random(20260401)
    pool = fragments()
    texts = list(pool)[:TEXTS]
    while len(texts) < TEXTS:
        count = rng.randint(2, 6)
        texts.append(rng.choice(['', ' ', '\n', '  ']).join(rng.choice(pool) for _ in range(count)))
    return texts


def write(name, value):
    path = OUT / name
    path.write_text(json.dumps(value, ensure_ascii=False) + '\n', encoding='utf-8')
    print(f'{path.name}: {path.stat().st_size / 1e3:.0f} kB')


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('gguf', type=Path)
    gguf = parser.parse_args().gguf.resolve()
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    head = {
        'source': 'SmolLM2-135M-Instruct.Q4_1.gguf',
        'sha256': hashlib.sha256(gguf.read_bytes()).hexdigest(),
        'torch': torch.__version__,
        'transformers': tf.__version__,
    }
    fast = corrected_tokenizer(gguf)
    write('tokens.json', {**head, 'texts': [{'text': t, 'ids': encode(fast, t)} for t in mixed_texts()]})
    model = tf.AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32, attn_implementation='eager'
    ).eval()
    text = (HERE / 'evaluation-text.txt').read_text(encoding='utf-8')
    write('perplexity.json', {**head, 'text': '../../evaluation-text.txt', **perplexity(model, encode(fast, text))})
    write('greedy.json', {**head, 'prompts': continuations(model, fast, text)})


if __name__ == '__main__':
    main()
