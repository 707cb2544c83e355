"""The cases of families.py: small shapes that differ in what an importer or a kernel can get wrong."""

VOCAB = 320
WINDOW = 64


def rope(kind, theta=10000.0, **rest):
    return {'rope_type': kind, 'rope_theta': theta, **rest}


def shape(layers=2, hidden=64, ffn=96, heads=4, kv_heads=2, **rest):
    return {
        'vocab_size': VOCAB,
        'hidden_size': hidden,
        'intermediate_size': ffn,
        'num_hidden_layers': layers,
        'num_attention_heads': heads,
        'num_key_value_heads': kv_heads,
        'max_position_embeddings': 2048,
        'tie_word_embeddings': False,
        'bos_token_id': 1,
        'eos_token_id': 2,
        'pad_token_id': 0,
        **rest,
    }


def case(name, family, args, **rest):
    configs = {
        'llama': 'LlamaConfig',
        'mistral': 'MistralConfig',
        'qwen2': 'Qwen2Config',
        'qwen3': 'Qwen3Config',
        'phi3': 'Phi3Config',
        'gemma2': 'Gemma2Config',
        'gemma3_text': 'Gemma3TextConfig',
        'smollm3': 'SmolLM3Config',
    }
    return {'name': name, 'family': family, 'config': configs[family], 'args': args, 'tokens': 336, 'dtype': 'bfloat16', **rest}


def ramp(pairs, low, high):
    """Factors per rotary pair, growing from `low` to `high`; exact in decimal so that JSON keeps them."""
    return [round(low + (high - low) * i / (pairs - 1), 4) for i in range(pairs)]


PHI = dict(hidden=96, ffn=96, heads=3, kv_heads=3, head_dim=32)
PHI_SHORT = ramp(12, 1.0, 1.4)
PHI_LONG = ramp(12, 1.05, 6.0)

LLAMA = [
    case('llama', 'llama', shape(heads=2, kv_heads=2, rope_parameters=rope('default')), dtype='float32', note='plain, stored as float32'),
    case('llama-linear', 'llama', shape(hidden=96, heads=3, kv_heads=1, rope_parameters=rope('linear', factor=4.0)), note='3 query heads a KV head'),
    case('llama-dynamic', 'llama', shape(heads=2, kv_heads=1, max_position_embeddings=128, rope_parameters=rope('dynamic', factor=2.0)),
         note='the prompt is longer than max_position_embeddings; the base follows the whole length of the prompt, at every position'),
    case('llama-yarn', 'llama', shape(layers=3, heads=2, kv_heads=1, head_dim=48, max_position_embeddings=512,
         rope_parameters=rope('yarn', factor=4.0, original_max_position_embeddings=128)), note='attention factor 0.1 ln(4) + 1'),
    case('llama-llama3', 'llama', shape(heads=4, kv_heads=2, head_dim=32, max_position_embeddings=1024, tie_word_embeddings=True,
         rope_parameters=rope('llama3', 500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=128)), note='tied'),
    case('llama-v4-yarn', 'llama', shape(heads=2, kv_heads=1, head_dim=64, max_position_embeddings=512,
         rope_parameters=rope('yarn', 20000.0, factor=4.0, original_max_position_embeddings=128, beta_fast=16.0, beta_slow=2.0, attention_factor=1.25)),
         v4={'rope_theta': 20000.0, 'rope_scaling': {'type': 'yarn', 'factor': 4.0, 'original_max_position_embeddings': 128,
             'beta_fast': 16.0, 'beta_slow': 2.0, 'attention_factor': 1.25}}, note='keys of transformers 4'),
    case('llama-v4-llama3', 'llama', shape(heads=5, kv_heads=1, hidden=160, ffn=32, max_position_embeddings=1024,
         rope_parameters=rope('llama3', 500000.0, factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=128)),
         v4={'rope_theta': 500000.0, 'rope_scaling': {'rope_type': 'llama3', 'factor': 32.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,
             'original_max_position_embeddings': 128}}, v4_drop=('head_dim',), note='keys of transformers 4, no head_dim, 5 query heads a KV head'),
    case('llama-sharded', 'llama', shape(heads=4, kv_heads=1, head_dim=32, rope_parameters=rope('default', 1000000.0), attention_bias=True, mlp_bias=True),
         dtype='float16', shard='80KB', note='several safetensors with an index, stored as float16, biases everywhere'),
]

OTHERS = [
    case('mistral', 'mistral', shape(heads=3, kv_heads=1, head_dim=48, sliding_window=WINDOW, rope_parameters=rope('default')), note='window in every layer'),
    case('mistral-v4', 'mistral', shape(heads=4, kv_heads=2, head_dim=32, sliding_window=None, rope_parameters=rope('default', 1000000.0)),
         v4={'rope_theta': 1000000.0, 'sliding_window': None}, note='keys of transformers 4, sliding_window null'),
    case('qwen2', 'qwen2', shape(heads=7, kv_heads=1, head_dim=32, rope_parameters=rope('default', 1000000.0)), note='q, k, v biases; 7 query heads a KV head; head_dim given although the family has none'),
    case('qwen2-tied-v4', 'qwen2', shape(hidden=128, heads=2, kv_heads=1, tie_word_embeddings=True, rope_parameters=rope('default', 1000000.0)),
         v4={'rope_theta': 1000000.0, 'use_sliding_window': False, 'sliding_window': 64, 'max_window_layers': 1}, v4_drop=('layer_types',),
         note='keys of transformers 4; sliding_window is given but switched off'),
    case('qwen3', 'qwen3', shape(heads=3, kv_heads=1, head_dim=80, tie_word_embeddings=True, rope_parameters=rope('default', 1000000.0)), note='q and k norm, heads x head_dim is not hidden'),
    case('phi3-short', 'phi3', shape(**PHI, original_max_position_embeddings=512, partial_rotary_factor=0.75,
         rope_parameters=rope('longrope', short_factor=PHI_SHORT, long_factor=PHI_LONG, partial_rotary_factor=0.75, original_max_position_embeddings=512)), note='fused qkv and gate-up; the prompt fits the original context: short factors'),
    case('phi3-long-v4', 'phi3', shape(**PHI, original_max_position_embeddings=128, partial_rotary_factor=0.75,
         rope_parameters=rope('longrope', short_factor=PHI_SHORT, long_factor=PHI_LONG, partial_rotary_factor=0.75, original_max_position_embeddings=128)),
         v4={'rope_theta': 10000.0, 'partial_rotary_factor': 0.75, 'original_max_position_embeddings': 128,
             'rope_scaling': {'type': 'longrope', 'short_factor': PHI_SHORT, 'long_factor': PHI_LONG}},
         note='keys of transformers 4; the prompt exceeds the original context: long factors at every position'),
    case('gemma2', 'gemma2', shape(layers=4, hidden=80, heads=2, kv_heads=1, head_dim=64, sliding_window=WINDOW, query_pre_attn_scalar=48, tie_word_embeddings=True,
         attn_logit_softcapping=5.0, final_logit_softcapping=6.0, rope_parameters=rope('default')), note='soft-caps low enough to matter, windows in every other layer'),
    case('gemma2-v4', 'gemma2', shape(heads=4, kv_heads=2, head_dim=32, sliding_window=WINDOW, query_pre_attn_scalar=32, tie_word_embeddings=True,
         attn_logit_softcapping=50.0, final_logit_softcapping=30.0, rope_parameters=rope('default')),
         v4={'rope_theta': 10000.0, 'cache_implementation': 'hybrid'}, v4_drop=('layer_types', 'tie_word_embeddings'), note='keys of transformers 4, tied by default'),
    case('gemma3', 'gemma3_text', shape(layers=7, ffn=64, heads=2, kv_heads=1, head_dim=48, sliding_window=WINDOW, query_pre_attn_scalar=48, tie_word_embeddings=True,
         rope_parameters={'sliding_attention': rope('default', 10000.0), 'full_attention': rope('linear', 1000000.0, factor=8.0)}),
         note='five local layers, one global with its own base and scaling, q and k norm'),
    case('gemma3-v4', 'gemma3_text', shape(layers=6, ffn=64, heads=2, kv_heads=1, head_dim=32, sliding_window=WINDOW, query_pre_attn_scalar=32, tie_word_embeddings=True,
         rope_parameters={'sliding_attention': rope('default', 10000.0), 'full_attention': rope('default', 1000000.0)}),
         v4={'rope_theta': 1000000.0, 'rope_local_base_freq': 10000.0, 'sliding_window_pattern': 6, 'rope_scaling': None},
         v4_drop=('layer_types', 'tie_word_embeddings', 'sliding_window_pattern', '_sliding_window_pattern'), note='keys of transformers 4'),
    case('smollm3', 'smollm3', shape(layers=5, ffn=64, heads=4, kv_heads=2, head_dim=32, tie_word_embeddings=True, no_rope_layer_interval=4, rope_parameters=rope('default', 2000000.0)),
         note='every fourth layer without rotation'),
]

CASES = LLAMA + OTHERS
