"""One tiny byte-level BPE tokenizer for all cases: 3 special tokens, 256 bytes, a few merges."""

import json

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

SPECIALS = ['<pad>', '<bos>', '<eos>', '<end>']
MERGES = ['t h', 'th e', 'i n', 'a n', 'e r', 'o n', 'r e', 'Ġ the', 'Ġ a', 'an d', 'Ġ in', 'o u', 'e n', 'Ġ and', 'in g', 'e s', 'o r', 'Ġ t', 'Ġ s', 'Ġ w']
TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{{ message['role'] + ': ' + message['content'] + eos_token + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


def build():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = SPECIALS + alphabet
    # Merges made of letters only: every part is a byte or an earlier merge.
    usable = [tuple(merge.split(' ')) for merge in MERGES]
    known = set(words)
    merges = []
    for left, right in usable:
        if left in known and right in known:
            merges.append((left, right))
            words.append(left + right)
            known.add(left + right)
    tokenizer = Tokenizer(models.BPE(vocab={word: i for i, word in enumerate(words)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(SPECIALS)
    return tokenizer


def write_tokenizer(directory):
    build().save(str(directory / 'tokenizer.json'), pretty=False)
    config = {
        'tokenizer_class': 'PreTrainedTokenizerFast',
        'bos_token': '<bos>',
        'eos_token': '<eos>',
        'pad_token': '<pad>',
        'add_bos_token': False,
        'clean_up_tokenization_spaces': False,
        'model_max_length': 2048,
        'chat_template': TEMPLATE,
    }
    (directory / 'tokenizer_config.json').write_text(json.dumps(config, indent=2) + '\n')
