import { describe, expect, it } from '@jest/globals';
import { goldenFile } from '../test/files.js';
import { createTokenizer, type Tokenizer } from './index.js';

type Json = Record<string, unknown>;

const BOS = '<|begin_of_text|>';
const EOS = '<|eot_id|>';
const utf8 = new TextDecoder();
const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const base = JSON.parse(utf8.decode(goldenFile('llama3.tokenizer.json'))) as Json & {
  added_tokens: { id: number; content: string }[];
};
const goldens = JSON.parse(utf8.decode(goldenFile('bos-flags.json'))) as Record<string, Record<string, string>>;
const idOf = (content: string): number => base.added_tokens.find((token) => token.content === content)?.id ?? -1;

function open(settings: Json, changes: Json = {}): Tokenizer {
  return createTokenizer({ tokenizerJson: bytes({ ...base, ...changes }), tokenizerConfigJson: bytes(settings) });
}

const BYTE_LEVEL = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: false, use_regex: true };

function template(kind: string): Json {
  const used = [BOS, EOS].filter((_, i) => kind.includes('BE'.charAt(i)));
  const piece = (content: string): Json[] =>
    used.includes(content) ? [{ SpecialToken: { id: content, type_id: 0 } }] : [];
  return {
    type: 'TemplateProcessing',
    single: [...piece(BOS), { Sequence: { id: 'A', type_id: 0 } }, ...piece(EOS)],
    special_tokens: Object.fromEntries(used.map((content) => [content, { id: content, ids: [idOf(content)] }])),
  };
}

function postProcessor(name: string): Json | null {
  if (name === 'none') return null;
  if (name === 'ByteLevel') return BYTE_LEVEL;
  if (name === 'ByteLevel+B') return { type: 'Sequence', processors: [BYTE_LEVEL, template('B')] };
  return template(name);
}

function framed(name: string): string {
  const [kind, post = '', addBos = '', addEos = ''] = name.split(' ');
  const flags = { add_bos_token: JSON.parse(addBos) as unknown, add_eos_token: JSON.parse(addEos) as unknown };
  const settings = { tokenizer_class: kind, bos_token: BOS, eos_token: EOS, ...flags };
  const ids = open(settings, { post_processor: postProcessor(post) }).encode('a b');
  return (ids[0] === idOf(BOS) ? 'B' : '') + 'x' + (ids.at(-1) === idOf(EOS) ? 'E' : '');
}

describe('BOS and EOS around a text', () => {
  const [old, current] = Object.values(goldens);
  const names = Object.keys(current ?? {});
  const isFlagged = (name: string): boolean => /^Llama\w* /.test(name) && !name.endsWith('null null');

  it('follow the flags that are written out as transformers 4 does, against any post-processor', () => {
    const flagged = names.filter(isFlagged);
    expect(flagged.length).toBeGreaterThan(90);
    expect(Object.fromEntries(flagged.map((name) => [name, framed(name)]))).toEqual(
      Object.fromEntries(flagged.map((name) => [name, old?.[name]])),
    );
  });

  it('follow the post-processor elsewhere as transformers 5 does, and 4 but for its own default', () => {
    const others = names.filter((name) => !isFlagged(name));
    expect(Object.fromEntries(others.map((name) => [name, framed(name)]))).toEqual(
      Object.fromEntries(others.map((name) => [name, current?.[name]])),
    );
    const differing = others.filter((name) => old?.[name] !== current?.[name]);
    expect(differing.every((name) => /^Llama\w* \S+ null null$/.test(name))).toBe(true);
  });

  it('leaves out a BOS that no token is named for', () => {
    const ids = open({ tokenizer_class: 'LlamaTokenizerFast', add_bos_token: true }, { post_processor: null }).encode(
      '',
    );
    expect([...ids]).toEqual([]);
  });
});

describe('tokenizer_config.json beside tokenizer.json', () => {
  it.each([
    ['GPT2TokenizerFast', true, undefined, false],
    ['GPT2TokenizerFast', false, true, true],
    ['GPT2Tokenizer', true, false, false],
    ['PreTrainedTokenizerFast', true, false, true],
    ['PreTrainedTokenizerFast', false, true, false],
  ])('of %s, add_prefix_space %j in the file and %j in the settings: %j', (kind, inFile, inSettings, expected) => {
    const pre_tokenizer = { ...BYTE_LEVEL, add_prefix_space: inFile };
    const settings = { tokenizer_class: kind, ...(inSettings === undefined ? {} : { add_prefix_space: inSettings }) };
    const tokenizer = open(settings, { pre_tokenizer, post_processor: null });
    expect(tokenizer.decode(tokenizer.encode('hello'))).toBe(expected ? ' hello' : 'hello');
  });

  it('makes named tokens of the vocabulary special, as transformers does', () => {
    const tokenizer = open({ eos_token: 'Ġthe', bos_token: 'not there' }, { added_tokens: [], post_processor: null });
    const id = tokenizer.eosTokenId ?? -1;
    expect([tokenizer.isSpecial(id), tokenizer.decode([id]), tokenizer.bosTokenId]).toEqual([true, '', null]);
    expect([...tokenizer.encode('aĠtheb', { parseSpecial: true })]).toContain(id);
  });

  it('refuses split_special_tokens by name', () => {
    expect(() => open({ split_special_tokens: true })).toThrow('split_special_tokens');
  });

  it.each([{ legacy: true }, { legacy: false }, { clean_up_tokenization_spaces: true }])(
    'reads and writes the same with %j, which fast tokenizers and streams have no use for',
    (settings) => {
      const text = "do n't , stop ! \n x";
      const [plain, flagged] = [open({}), open(settings)];
      expect([...flagged.encode(text)]).toEqual([...plain.encode(text)]);
      expect(flagged.decode(flagged.encode(text))).toBe(plain.decode(plain.encode(text)));
    },
  );
});
