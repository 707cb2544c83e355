import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { importModel } from '@longhaul/model';
import { serve } from './support/serve.js';

/** A tiny Llama with 320 rows in its embedding table and 280 tokens. */
const LLAMA = fileURLToPath(new URL('../../../tools/goldens/out/llama', import.meta.url));
const ROWS = 320;

type Json = Record<string, unknown>;
type Edit = (json: Json) => void;

let work = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'hostile-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

let count = 0;

async function mutated(file: string, edit: Edit): Promise<string> {
  const source = join(work, `m${count++}`);
  await cp(LLAMA, source, { recursive: true });
  const json = JSON.parse(await readFile(join(source, file), 'utf8')) as Json;
  edit(json);
  await writeFile(join(source, file), JSON.stringify(json));
  return source;
}

/**
 * Imports, and serves what was imported: a checkpoint is refused at import with a message for people, or it answers.
 *
 * @returns the message of the refusal, or null for one that was served.
 */
async function refusal(file: string, edit: Edit): Promise<string | null> {
  const source = await mutated(file, edit);
  const out = `${source}-package`;
  try {
    await importModel({ source, out, weights: 'int8', name: 'm' });
  } catch (error) {
    expect(AppError.isInstance(error)).toBe(true);
    expect((error as AppError).code).not.toBe('INTERNAL');
    return (error as AppError).message;
  }
  const served = await serve(out, { kvTokens: 512, flags: ['--max-model-len', '64'] }).catch((cause: unknown) => {
    throw new Error('accepted at import, refused at serve', { cause });
  });
  try {
    const prompts = ['ab <bos> <pad>', [1, 5, 6]];
    for (const prompt of prompts) await served.client.completions.create({ model: 'm', prompt, max_tokens: 2 });
    await served.client.chat.completions.create({
      model: 'm',
      messages: [{ role: 'user', content: 'a <extra> b' }],
      max_tokens: 2,
    });
  } finally {
    await served.close();
  }
  return null;
}

const set =
  (path: string, value: unknown): Edit =>
  (json) => {
    const keys = path.split('.');
    const last = keys.pop() as string;
    let at = json;
    for (const key of keys) at = (at[key] ??= {}) as Json;
    Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true });
  };

/** Values that no number of a configuration may be. */
const NO_NUMBERS: readonly unknown[] = ['1', true, [1], {}, -1, 1e308, -1e308, 1e-320];
const NUMBERS = [
  'hidden_size',
  'intermediate_size',
  'num_hidden_layers',
  'num_attention_heads',
  'num_key_value_heads',
  'head_dim',
  'vocab_size',
  'max_position_embeddings',
  'rms_norm_eps',
  'rope_parameters.rope_theta',
  'rope_parameters.partial_rotary_factor',
];

describe('a number of config.json', () => {
  it.each(NUMBERS)('that is no number, or out of range, is refused at import by its name: %s', async (key) => {
    const name = key.split('.').at(-1) as string;
    for (const value of NO_NUMBERS) expect(await refusal('config.json', set(key, value))).toContain(name);
  });

  it.each(NUMBERS.slice(0, 8))('that counts is whole and above 0: %s', async (key) => {
    for (const value of [0, 1.5, 2 ** 31, 2 ** 53]) {
      expect(await refusal('config.json', set(key, value))).toMatch(new RegExp(`config\\.${key}|head_dim`));
    }
  });

  const scaling = (values: Json): Edit => set('rope_parameters', { rope_theta: 1e4, ...values });
  const yarn = { rope_type: 'yarn', factor: 4, original_max_position_embeddings: 512 };
  const llama3 = {
    rope_type: 'llama3',
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 512,
  };
  const longrope = {
    rope_type: 'longrope',
    original_max_position_embeddings: 512,
    short_factor: new Array(16).fill(1),
    long_factor: new Array(16).fill(2),
  };
  it.each<[string, Edit, RegExp]>([
    ['yarn 1e308', scaling({ ...yarn, factor: 1e308 }), /factor must be a number from 1 to 4096, but is 1e\+308/],
    ['linear 1e308', scaling({ rope_type: 'linear', factor: 1e308 }), /factor/],
    ['dynamic 0', scaling({ rope_type: 'dynamic', factor: 0 }), /factor/],
    [
      'a context past the limit',
      scaling({ ...yarn, factor: 4096, original_max_position_embeddings: 2 ** 28 }),
      /tokens/,
    ],
    ['yarn from nothing', scaling({ ...yarn, original_max_position_embeddings: 0 }), /original_max_position/],
    ['beta_fast', scaling({ ...yarn, beta_fast: 1e308 }), /beta_fast/],
    ['beta_slow above beta_fast', scaling({ ...yarn, beta_fast: 1, beta_slow: 32 }), /beta_fast must not be below/],
    ['attention_factor', scaling({ ...yarn, attention_factor: 1e300 }), /attention_factor/],
    ['mscale', scaling({ ...yarn, mscale: 1e300, mscale_all_dim: 1 }), /mscale/],
    ['low_freq_factor', scaling({ ...llama3, low_freq_factor: 1e-300 }), /low_freq_factor/],
    ['equal frequencies', scaling({ ...llama3, high_freq_factor: 1 }), /high_freq_factor/],
    ['a factor of longrope', scaling({ ...longrope, long_factor: new Array(16).fill(1e308) }), /long_factor.*entry 0/],
    ['too few factors', scaling({ ...longrope, short_factor: [1] }), /short_factor.*it has 1/],
    ['the logarithm of 1', scaling({ ...longrope, original_max_position_embeddings: 1 }), /original_max_position/],
    ['a rope type that objects inherit', scaling({ rope_type: 'constructor' }), /RoPE type/],
    ['an activation that objects inherit', set('hidden_act', 'constructor'), /Activation "constructor"/],
    ['a family that objects inherit', set('model_type', '__proto__'), /Architecture "__proto__"/],
    ['heads that do not divide', set('num_key_value_heads', 3), /must divide num_attention_heads/],
    ['a width that heads do not divide', (c) => Object.assign(c, { head_dim: null, num_attention_heads: 3 }), /num_/],
    ['sizes whose product overflows', set('hidden_size', 2 ** 31 - 1), /hidden_size/],
    ['a layer more than the weights have', set('num_hidden_layers', 3), /no tensor model\.layers\.2/],
    ['an end token outside', set('eos_token_id', ROWS), /eos_token_id 320 is outside/],
    ['an end token that is text', set('eos_token_id', '2'), /eos_token_id/],
    ['a million end tokens', set('eos_token_id', new Array(1e6).fill(2)), /eos_token_id has 1000000/],
  ])('is refused at import: %s', async (_name, edit, message) => {
    expect(await refusal('config.json', edit)).toMatch(message);
  });

  it.each<[string, Edit]>([
    ['the smallest epsilon', set('rms_norm_eps', 1e-12)],
    ['the largest epsilon', set('rms_norm_eps', 0.1)],
    ['the smallest base', scaling({ rope_theta: 2 })],
    ['the largest base', scaling({ rope_theta: 1e15 })],
    ['the widest yarn', scaling({ ...yarn, factor: 4096 })],
    ['the widest dynamic scaling', scaling({ rope_type: 'dynamic', factor: 4096 })],
    ['the widest longrope', scaling({ ...longrope, long_factor: new Array(16).fill(65_536) })],
    ['the most extreme llama3', scaling({ ...llama3, factor: 4096, low_freq_factor: 0.001, high_freq_factor: 4096 })],
    ['the shortest context', set('max_position_embeddings', 64)],
  ])('at the end of its range is served: %s', async (_name, edit) => {
    expect(await refusal('config.json', edit)).toBeNull();
  });
});

const added = (...tokens: Json[]): Edit => {
  return (json) => {
    const known = json['added_tokens'] as Json[];
    json['added_tokens'] = [...known, ...tokens.map((token) => ({ special: false, normalized: false, ...token }))];
  };
};

function nested(depth: number, key: string, leaf: Json): Json {
  let step = leaf;
  for (let i = 0; i < depth; i++) step = { type: 'Sequence', [key]: [step] };
  return step;
}

const vocab = (edit: (vocab: Json) => void): Edit => {
  return (json) => edit((json['model'] as Json)['vocab'] as Json);
};

describe('tokenizer.json', () => {
  it.each<[string, Edit, RegExp]>([
    ['normalizers nested deep', set('normalizer', nested(400, 'normalizers', { type: 'NFC' })), /nesting of its JSON/],
    [
      'normalizers nested',
      set('normalizer', nested(20, 'normalizers', { type: 'NFC' })),
      /normalizer nests 21 deep; .* 8/,
    ],
    [
      'pre-tokenizers nested',
      set('pre_tokenizer', nested(20, 'pretokenizers', { type: 'ByteLevel' })),
      /pre_tokenizer/,
    ],
    [
      'post-processors nested',
      set('post_processor', nested(20, 'processors', { type: 'ByteLevel' })),
      /post_processor/,
    ],
    ['decoders nested', set('decoder', nested(20, 'decoders', { type: 'Fuse' })), /decoder nests/],
    [
      'a thousand normalizers',
      set('normalizer', { type: 'Sequence', normalizers: new Array(1000).fill({ type: 'NFC' }) }),
      /normalizer has 1001 steps; the limit is 64/,
    ],
    ['an added id below 0', added({ id: -1, content: 'x' }), /"x" has the id -1; the model has rows for 0 to 319/],
    ['an added id of 2^32', added({ id: 2 ** 32, content: 'x' }), /4294967296/],
    ['an added id that is no number', added({ id: '300', content: 'x' }), /"300"/],
    ['an added id with a fraction', added({ id: 300.5, content: 'x' }), /300\.5/],
    ['a gap of millions', added({ id: 9e6, content: 'x' }), /9000000/],
    ['an added id of another token', added({ id: 300, content: 'x' }, { id: 300, content: 'y' }), /id 300 of "x"/],
    ['two ids of one token', added({ id: 300, content: 'x' }, { id: 301, content: 'x' }), /two ids, 300 and 301/],
    ['an added token that is no text', added({ id: 300, content: 5 }), /content is not a string/],
    ['an endless added token', added({ id: 300, content: 'x'.repeat(1e6) }), /1000000 characters; the limit is 1024/],
    ['added tokens that are no list', set('added_tokens', {}), /added_tokens is not a list/],
    ['an id past the rows', vocab((v) => (v['zz'] = ROWS)), /"zz"\] is 320; the model has rows for 0 to 319/],
    ['a negative id', vocab((v) => (v['zz'] = -1)), /"zz"\] is -1/],
    ['an id twice', vocab((v) => (v['zz'] = 5)), /"zz"\] is 5, which is the id of/],
    ['an id that is text', vocab((v) => (v['zz'] = '300')), /"300"/],
    ['no vocabulary', set('model.vocab', null), /model\.vocab/],
    ['a vocabulary of another kind', set('model.vocab', []), /Unigram/],
    ['no model', set('model', 5), /model/],
    ['merges that are no list', set('model.merges', {}), /model\.merges/],
    ['merges of unknown tokens', set('model.merges', ['never ever']), /model\.merges\[0\]/],
    ['no decoder', set('decoder', null), /decoder/],
    ['a model that objects inherit', set('model.type', 'constructor'), /constructor/],
    ['a normalizer that objects inherit', set('normalizer', { type: '__proto__' }), /__proto__/],
    [
      'a broken expression',
      set('pre_tokenizer', { type: 'Split', pattern: { Regex: '(' }, behavior: 'Isolated' }),
      /./,
    ],
    [
      'a frame of an id past the rows',
      set('post_processor', {
        type: 'TemplateProcessing',
        single: [{ SpecialToken: { id: 'q', type_id: 0 } }, { Sequence: { id: 'A', type_id: 0 } }],
        special_tokens: { q: { id: 'q', ids: [ROWS], tokens: ['q'] } },
      }),
      /post_processor puts the id 320/,
    ],
  ])('is refused at import: %s', async (_name, edit, message) => {
    expect(await refusal('tokenizer.json', edit)).toMatch(message);
  });

  it.each<[string, Edit]>([
    ['a special token past the rows, which is left out', added({ id: ROWS, content: '<extra>', special: true })],
    ['a token called __proto__', vocab((v) => set('__proto__', 300)(v))],
    ['a gap of some ids', added({ id: 310, content: '<extra>' })],
    ['eight nested normalizers', set('normalizer', nested(7, 'normalizers', { type: 'NFC' }))],
  ])('is served: %s', async (_name, edit) => {
    expect(await refusal('tokenizer.json', edit)).toBeNull();
  });
});

describe('tokenizer_config.json and generation_config.json', () => {
  it.each<[string, string, Edit, RegExp]>([
    [
      'an end token that is not there',
      'tokenizer_config.json',
      set('eos_token', '<no>'),
      /eos_token "<no>" is no token/,
    ],
    ['a first token that is not there', 'tokenizer_config.json', set('bos_token', { content: '<no>' }), /bos_token/],
    ['a temperature of 1e308', 'generation_config.json', set('temperature', 1e308), /temperature must be .* 0 to 2/],
    ['a temperature that is text', 'generation_config.json', set('temperature', 'hot'), /temperature.*"hot"/],
    ['a top_k with a fraction', 'generation_config.json', set('top_k', 1.5), /top_k must be an integer/],
    ['a top_p of 0', 'generation_config.json', set('top_p', 0), /top_p/],
    ['a repetition penalty of 1e-39', 'generation_config.json', set('repetition_penalty', 1e-39), /repetition_penalty/],
    ['an end token below 0', 'generation_config.json', set('eos_token_id', [-1]), /eos_token_id -1 is outside/],
  ])('is refused at import: %s', async (_name, file, edit, message) => {
    expect(await refusal(file, edit)).toMatch(message);
  });

  it.each<[string, string, Edit]>([
    ['top_k off and over the vocabulary', 'generation_config.json', set('top_k', 1e6)],
    ['top_k of -1', 'generation_config.json', set('top_k', -1)],
    ['nulls', 'generation_config.json', set('temperature', null)],
    ['no end token of its own', 'tokenizer_config.json', set('pad_token', null)],
  ])('is served: %s', async (_name, file, edit) => {
    expect(await refusal(file, edit)).toBeNull();
  });
});
