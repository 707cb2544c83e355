import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { createTokenizer, type Tokenizer } from '@longhaul/tokenizer';
import { memorySource } from '../../checkpoint/byte-source.js';
import { GgufFile } from '../gguf-file.js';
import { MetadataView } from '../metadata-view.js';
import type { MetadataValue } from '../metadata.js';
import { ggufTokenizer } from './gguf-tokenizer.js';
import { endOfTurnTokens } from './special-tokens.js';

interface Json {
  [key: string]: Json & string;
}

function view(metadata: Record<string, MetadataValue>): MetadataView {
  return new MetadataView(new Map(Object.entries(metadata)), 'm.gguf');
}

function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../../test/fixtures/${name}`, import.meta.url));
}

async function metadataOf(name: string): Promise<Record<string, MetadataValue>> {
  return Object.fromEntries((await GgufFile.from(memorySource(name, fixture(name)))).metadata);
}

/** FNV-1a over the ids as 32-bit integers, as tools/goldens writes it. */
function fnv(ids: Int32Array): number {
  const bytes = new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength);
  return bytes.reduce((hash, byte) => Math.imul(hash ^ byte, 0x01000193) >>> 0, 0x811c9dc5);
}

interface Converted {
  tokenizer: Json;
  config: Json;
  template: string | null;
}

function tokenizerOf(metadata: Record<string, MetadataValue>): Tokenizer {
  return createTokenizer(ggufTokenizer(view(metadata)));
}

function convert(metadata: Record<string, MetadataValue>): Converted {
  const files = ggufTokenizer(view(metadata));
  const parse = (bytes: Uint8Array): Json => JSON.parse(new TextDecoder().decode(bytes)) as Json;
  return {
    tokenizer: parse(files.tokenizerJson),
    config: parse(files.tokenizerConfigJson),
    template: files.chatTemplate,
  };
}

function byteLevel(overrides: Record<string, MetadataValue> = {}): Record<string, MetadataValue> {
  return {
    'general.architecture': 'llama',
    'tokenizer.ggml.model': 'gpt2',
    'tokenizer.ggml.pre': 'smollm',
    'tokenizer.ggml.tokens': ['<|end|>', '<tool>', 'a', 'b', 'ab', '1', '2', '12', 'Ġ', 'Ġ1', '__proto__', ' ', ' a'],
    'tokenizer.ggml.token_type': Int32Array.of(3, 4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
    'tokenizer.ggml.merges': ['a b', '1 2', 'Ġ 1'],
    'tokenizer.ggml.eos_token_id': 0,
    ...overrides,
  };
}

function encode(metadata: Record<string, MetadataValue>, text: string): number[] {
  return [...tokenizerOf(metadata).encode(text)];
}

describe('a byte-level GGUF tokenizer', () => {
  it('splits digits one by one before merging where the name says smollm', () => {
    expect(encode(byteLevel(), 'ab 12')).toEqual([4, 8, 5, 6]);
    expect(encode(byteLevel({ 'tokenizer.ggml.pre': 'gpt-2' }), 'ab 12')).toEqual([4, 8, 7]);
  });

  const byName = JSON.parse(fixture('byte-level-texts.json').toString()) as {
    texts: string[];
    hashes: Record<string, number[]>;
  };

  it.each(Object.keys(byName.hashes))('%s gives the ids of llama.cpp', async (pre) => {
    const tokenizer = tokenizerOf({ ...(await metadataOf('byte-level.gguf')), 'tokenizer.ggml.pre': pre });
    const differing = byName.texts.filter((text, i) => fnv(tokenizer.encode(text)) !== byName.hashes[pre]?.[i]);
    expect(differing).toEqual([]);
  });

  it('control tokens are special, user-defined ones are not', () => {
    const { tokenizer } = convert(byteLevel());
    expect(tokenizer['added_tokens']).toEqual([
      expect.objectContaining({ id: 0, content: '<|end|>', special: true, normalized: false }),
      expect.objectContaining({ id: 1, content: '<tool>', special: false, normalized: false }),
    ]);
  });

  it('a token named like a property of objects keeps its id', () => {
    expect(Object.entries(convert(byteLevel()).tokenizer['model']!['vocab']!)).toContainEqual(['__proto__', 10]);
  });

  it('a merge may begin with a space', () => {
    const { tokenizer } = convert(byteLevel({ 'tokenizer.ggml.merges': ['  a'] }));
    expect(tokenizer['model']!['merges']).toEqual([[' ', 'a']]);
  });

  it('BOS comes from a template, and only where the file asks for it', () => {
    expect(convert(byteLevel()).tokenizer['post_processor']).toBeNull();
    const bos = { 'tokenizer.ggml.bos_token_id': 2, 'tokenizer.ggml.add_bos_token': true };
    const converted = convert(byteLevel(bos));
    expect(converted.tokenizer['post_processor']).toMatchObject({ type: 'TemplateProcessing' });
    expect(encode(byteLevel(bos), 'b')).toEqual([2, 3]);
    expect(converted.config).toMatchObject({ add_bos_token: true, bos_token: 'a', eos_token: '<|end|>' });
  });

  it.each(['qwen2', 'llama-bpe', 'tekken', 'gpt-4o'])('%s splits by a pattern of its own', (pre) => {
    const ids = { 'tokenizer.ggml.bos_token_id': 2 };
    const { tokenizer } = convert(byteLevel({ 'tokenizer.ggml.pre': pre, ...ids }));
    const pattern = (tokenizer['pre_tokenizer']!['pretokenizers'] as unknown as Json[])[0]!['pattern']!['Regex']!;
    const words = "Hello HELLOworld 1234, it's\n\n ok".match(new RegExp(pattern, 'gu'));
    expect(words?.join('')).toBe("Hello HELLOworld 1234, it's\n\n ok");
    expect(words).toContain(pre === 'qwen2' || pre === 'tekken' ? '1' : '123');
  });

  it('an old Qwen file without a name is still a Qwen, any other is cut as llama.cpp cuts it', () => {
    const unnamed = byteLevel();
    delete unnamed['tokenizer.ggml.pre'];
    const named = convert(byteLevel({ 'tokenizer.ggml.pre': 'default' }));
    expect(convert(unnamed).tokenizer['pre_tokenizer']).toEqual(named.tokenizer['pre_tokenizer']);
    expect(convert({ ...unnamed, 'general.architecture': 'qwen2' }).tokenizer['normalizer']).toEqual({ type: 'NFC' });
  });

  it.each([
    ['an unknown pre-tokeniser', { 'tokenizer.ggml.pre': 'viking' }, 'UNSUPPORTED_TOKENIZER', /"viking"/],
    ['a separator at the end', { 'tokenizer.ggml.add_sep_token': true }, 'UNSUPPORTED_TOKENIZER', /add_sep_token/],
    [
      'a text in lower case',
      { 'tokenizer.ggml.normalizer.lowercase': true },
      'UNSUPPORTED_TOKENIZER',
      /normalizer.lowercase/,
    ],
    ['an unknown kind', { 'tokenizer.ggml.model': 'rwkv' }, 'UNSUPPORTED_TOKENIZER', /"rwkv"/],
    ['a merge of unknown tokens', { 'tokenizer.ggml.merges': ['a x'] }, 'CHECKPOINT_CORRUPT', /"a x"/],
    ['a token that occurs twice', { 'tokenizer.ggml.tokens': ['a', 'a'] }, 'CHECKPOINT_CORRUPT', /both "a"/],
    ['an id outside', { 'tokenizer.ggml.eos_token_id': 99 }, 'CHECKPOINT_CORRUPT', /99/],
    ['types of another length', { 'tokenizer.ggml.token_type': Int32Array.of(1) }, 'CHECKPOINT_CORRUPT', /token types/],
    ['BOS asked for but missing', { 'tokenizer.ggml.add_bos_token': true }, 'CHECKPOINT_CORRUPT', /BOS/],
  ])('%s is refused', (_case, overrides: Record<string, MetadataValue>, reason, message) => {
    expect(() => convert(byteLevel(overrides))).toThrow(
      expect.objectContaining({ reason, message: expect.stringMatching(message) }),
    );
  });

  it('the end of a turn that the template writes ends an answer', () => {
    const turns = { 'tokenizer.ggml.eos_token_id': 2, 'tokenizer.chat_template': "{{ m + '<|end|>' }}" };
    expect(endOfTurnTokens(view(byteLevel(turns)))).toEqual([2, 0]);
    expect(endOfTurnTokens(view(byteLevel({ 'tokenizer.ggml.eos_token_id': 2 })))).toEqual([2]);
    expect(convert(byteLevel(turns)).template).toBe("{{ m + '<|end|>' }}");
  });
});

describe('a SentencePiece GGUF tokenizer', () => {
  it.each(['sentencepiece', 'sentencepiece-unprefixed'])(
    '%s encodes pieces of every type as the sentencepiece library does, and back',
    async (name) => {
      const metadata = await metadataOf(`${name}.gguf`);
      const types = new Set(metadata['tokenizer.ggml.token_type'] as Int32Array);
      expect([...types].sort()).toEqual([1, 2, 3, 4, 5, 6]);
      const tokenizer = tokenizerOf(metadata);
      const goldens = JSON.parse(fixture(`${name}-texts.json`).toString()) as { text: string; ids: number[] }[];
      expect(goldens.length).toBe(300);
      for (const { text, ids } of goldens) {
        expect([...tokenizer.encode(text)]).toEqual(ids);
        // A mark that is spelled in a text is a space to SentencePiece.
        expect(tokenizer.decode(ids)).toBe(text.replaceAll('▁', ' '));
      }
    },
  );

  it('finds user-defined pieces first, the longest that begins leftmost, whatever the scores say', async () => {
    const tokenizer = tokenizerOf(await metadataOf('sentencepiece-unprefixed.gguf'));
    const piecesOf = (text: string) => [...tokenizer.encode(text)].slice(1).map((id) => tokenizer.vocabularyString(id));
    expect(piecesOf('    """e')).toEqual(['▁▁▁▁', '"""', 'e']);
    expect(piecesOf('<tool>\t\t\n')).toEqual(['<tool>', '\t\t', '\n']);
  });

  it.each([
    ['of one character', ['<unk>', '<s>', '</s>', 'a'], [2, 3, 3, 5]],
    ['that pieces make up', ['<unk>', '<s>', '</s>', 'a', 'b', 'ab'], [2, 3, 3, 1, 1, 5]],
  ])('an unused piece %s is refused', (_case, tokens, types) => {
    const metadata = {
      'general.architecture': 'llama',
      'tokenizer.ggml.model': 'llama',
      'tokenizer.ggml.tokens': tokens,
      'tokenizer.ggml.token_type': Int32Array.from(types),
      'tokenizer.ggml.scores': new Float32Array(tokens.length),
    };
    expect(() => convert(metadata)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('unused piece') }),
    );
  });

  const pieces: Record<string, MetadataValue> = {
    'general.architecture': 'phi3',
    'tokenizer.ggml.model': 'llama',
    'tokenizer.ggml.tokens': ['<unk>', '<s>', '<|user|>', 'a', 'aa', 'aaa', '  '],
    'tokenizer.ggml.token_type': Int32Array.of(2, 3, 3, 1, 1, 1, 4),
    'tokenizer.ggml.scores': Float32Array.of(0, 0, 0, -9, -1, -2, 0),
    'tokenizer.ggml.eos_token_id': 2,
  };

  it('ranks merges by score, longer left parts first', () => {
    expect(convert(pieces).tokenizer['model']!['merges']).toEqual([
      ['a', 'a'],
      ['aa', 'a'],
      ['a', 'aa'],
    ]);
  });

  it('writes spaces of user-defined pieces as the mark', () => {
    expect(Object.keys(convert(pieces).tokenizer['model']!['vocab']!)).toContain('▁▁');
  });

  it('control tokens of Phi-3 swallow the space behind them, but not BOS', () => {
    const added = convert(pieces).tokenizer['added_tokens'] as unknown as { content: string; rstrip: boolean }[];
    expect(added.filter((token) => token.rstrip).map((token) => token.content)).toEqual(['<|user|>']);
  });

  it('text is not prefixed where the file says so', () => {
    const { tokenizer } = convert({ ...pieces, 'tokenizer.ggml.add_space_prefix': false });
    expect(tokenizer['normalizer']).toEqual({ type: 'Replace', pattern: { String: ' ' }, content: '▁' });
  });

  it.each([
    ['a character map', { 'tokenizer.ggml.precompiled_charsmap': Uint8Array.of(1) }, 'UNSUPPORTED_TOKENIZER'],
    ['too few scores', { 'tokenizer.ggml.scores': Float32Array.of(0) }, 'CHECKPOINT_CORRUPT'],
  ])('%s is refused', (_case, overrides: Record<string, MetadataValue>, reason) => {
    expect(() => convert({ ...pieces, ...overrides })).toThrow(expect.objectContaining({ reason }));
  });
});
