"""Writes a tiny random checkpoint of every supported family and the logits transformers gives for it.

Run by hand (see README.md); the output under out/ is committed and read by the tests of the importer.
Everything is a function of the case's name: the same versions of torch and transformers write the same files.
"""

import argparse
import hashlib
import json
import math
import shutil
from pathlib import Path

import torch
import transformers as tf

from cases import CASES
from tiny_tokenizer import write_tokenizer

OUT = Path(__file__).resolve().parents[1] / 'out'
SPREAD = 2.0  # wanted standard deviation of the logits
QK_GAIN = 1.4  # attention scores with a standard deviation of about two: neither flat nor one-hot
DTYPES = {'float32': torch.float32, 'float16': torch.float16, 'bfloat16': torch.bfloat16}


def seed_of(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], 'little')


def draw(name, shape, hidden, gen):
    """A random value for one parameter, scaled by its role so that activations keep unit size."""
    noise = torch.randn(shape, generator=gen)
    if name.endswith('embed_tokens.weight') or name.endswith('lm_head.weight'):
        return noise * (SPREAD / math.sqrt(hidden))
    if 'norm' in name:
        return noise * 0.2
    if name.endswith('.bias'):
        return noise * 0.3
    gain = QK_GAIN if ('q_proj' in name or 'k_proj' in name or 'qkv_proj' in name) else 1.0
    return noise * (gain / math.sqrt(shape[-1]))


def randomise(model, family, dtype, gen):
    """Fills all parameters, rounded to what the checkpoint stores, so that file and model are the same numbers."""
    one_plus = family in ('gemma2', 'gemma3_text')  # Gemma multiplies by 1 + weight
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            value = draw(name, tuple(parameter.shape), model.config.hidden_size, gen)
            if 'norm' in name and not one_plus:
                value = value + 1.0
            parameter.copy_(value.to(dtype).float())


def build_config(case):
    config = getattr(tf, case['config'])(**case['args'])
    config.use_cache = True
    return config


def prompt_of(case, gen):
    """Random tokens with a few repeated stretches, so that there is something to attend to far back."""
    tokens = torch.randint(8, case['args']['vocab_size'] - 16, (case['tokens'],), generator=gen)
    third = case['tokens'] // 3
    tokens[2 * third : 2 * third + 24] = tokens[7:31]
    return tokens


def positions_of(tokens):
    return sorted(set(range(0, tokens, 16)) | set(range(tokens - 32, tokens)))


def load_reference(directory):
    return tf.AutoModelForCausalLM.from_pretrained(
        directory, dtype=torch.float32, attn_implementation='eager'
    ).eval()


def logits_of(directory, tokens):
    model = load_reference(directory)
    with torch.no_grad():
        return model(input_ids=tokens[None], use_cache=False).logits[0].float()


def write_checkpoint(case, directory, gen):
    model = tf.AutoModelForCausalLM.from_config(build_config(case), dtype=torch.float32)
    randomise(model, case['family'], DTYPES[case['dtype']], gen)
    model.generation_config = tf.GenerationConfig(
        bos_token_id=1, eos_token_id=[2, 3], pad_token_id=0, do_sample=True, temperature=0.7, top_p=0.9
    )
    stored = model.to(DTYPES[case['dtype']])
    shard = {'max_shard_size': case['shard']} if 'shard' in case else {}
    stored.save_pretrained(directory, **shard)


def rewrite_config(case, directory):
    """Turns config.json into what transformers 4 wrote, where the case asks for it."""
    path = directory / 'config.json'
    config = json.loads(path.read_text())
    if 'v4' in case:
        config.pop('rope_parameters', None)
        config['torch_dtype'] = config.pop('dtype')
        for key in case.get('v4_drop', ()):
            config.pop(key, None)
        config.update(case['v4'])
        config['transformers_version'] = '4.48.0'
    path.write_text(json.dumps(config, indent=2) + '\n')


def golden_record(case, tokens, logits, positions):
    rows = logits[positions]
    top = rows.topk(2, dim=-1).values
    return {
        'case': case['name'],
        'family': case['family'],
        'note': case.get('note', ''),
        'promptTokens': tokens.tolist(),
        'positions': positions,
        'vocabSize': logits.shape[1],
        'logitsFile': 'logits.bin',
        'logitsStd': round(rows.std().item(), 4),
        'logitsMaxAbs': round(rows.abs().max().item(), 4),
        'minTopMargin': round((top[:, 0] - top[:, 1]).min().item(), 5),
        'torch': torch.__version__,
        'transformers': tf.__version__,
    }


def write_case(case):
    gen = torch.Generator().manual_seed(seed_of(case['name']))
    directory = OUT / case['name']
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    write_checkpoint(case, directory, gen)
    tokens = prompt_of(case, gen)
    modern = logits_of(directory, tokens)
    rewrite_config(case, directory)
    for file in directory.iterdir():
        file.chmod(0o644)
    logits = logits_of(directory, tokens)
    drift = (logits - modern).abs().max().item()
    if drift != 0.0:
        raise SystemExit(f"{case['name']}: the rewritten config.json changes the logits by {drift}")
    write_tokenizer(directory)
    positions = positions_of(case['tokens'])
    record = golden_record(case, tokens, logits, positions)
    (directory / 'golden.json').write_text(json.dumps(record) + '\n')
    (directory / 'logits.bin').write_bytes(logits[positions].numpy().astype('<f4').tobytes())
    size = sum(f.stat().st_size for f in directory.iterdir())
    print(f"{case['name']:24} {size / 1e3:7.0f} kB  std {record['logitsStd']:.2f}  margin {record['minTopMargin']:.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('cases', nargs='*', help='names of cases; all when none is given')
    wanted = parser.parse_args().cases
    torch.set_num_threads(1)
    unknown = set(wanted) - {case['name'] for case in CASES}
    if unknown:
        raise SystemExit(f'no such case: {sorted(unknown)}')
    for case in CASES:
        if not wanted or case['name'] in wanted:
            write_case(case)


if __name__ == '__main__':
    main()
