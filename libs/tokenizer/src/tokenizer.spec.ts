import { describe, expect, it } from '@jest/globals';
import { goldenStrings, KINDS, tokenizerFiles } from '../test/files.js';
import { createTokenizer, MAX_TEXT_UNITS } from './index.js';

const utf8 = new TextEncoder();

function changed(change: (spec: Record<string, unknown>) => void): () => unknown {
  const files = tokenizerFiles('gpt2');
  const spec: Record<string, unknown> = JSON.parse(new TextDecoder().decode(files.tokenizerJson));
  change(spec);
  return () => createTokenizer({ ...files, tokenizerJson: utf8.encode(JSON.stringify(spec)) });
}

describe('encodeAsync', () => {
  it.each(KINDS)('%s: gives the ids of encode', async (kind) => {
    const tokenizer = createTokenizer(tokenizerFiles(kind));
    const text = goldenStrings().slice(0, 150).join('');
    expect(await tokenizer.encodeAsync(text, { sliceMs: 0 })).toEqual(tokenizer.encode(text));
  });

  it('runs side by side with other encodes of the same tokenizer', async () => {
    const tokenizer = createTokenizer(tokenizerFiles('llama3'));
    const texts = Array.from({ length: 8 }, (_, i) =>
      goldenStrings()
        .slice(i * 50, i * 50 + 200)
        .join(' '),
    );
    const together = await Promise.all(texts.map((text) => tokenizer.encodeAsync(text, { sliceMs: 0 })));
    expect(together).toEqual(texts.map((text) => tokenizer.encode(text)));
  });

  it('gives the event loop its turns, also inside one piece of 60,000 characters', async () => {
    const tokenizer = createTokenizer(tokenizerFiles('gpt2'));
    let turns = 0;
    const timer = setInterval(() => turns++, 0);
    await tokenizer.encodeAsync('ab'.repeat(30_000), { sliceMs: 0 });
    clearInterval(timer);
    expect(turns).toBeGreaterThan(2);
  });

  it('stops when its signal is aborted', async () => {
    const tokenizer = createTokenizer(tokenizerFiles('gpt2'));
    const controller = new AbortController();
    const encoding = tokenizer.encodeAsync('x '.repeat(20_000), { signal: controller.signal, sliceMs: 0 });
    controller.abort();
    await expect(encoding).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('tokens', () => {
  const llama2 = createTokenizer(tokenizerFiles('llama2'));
  const needle = createTokenizer(tokenizerFiles('needle-3m'));

  it('have bytes, a spelling and an id', () => {
    const id = llama2.id('▁the') ?? -1;
    expect(llama2.tokenString(id)).toBe(' the');
    expect(llama2.vocabularyString(id)).toBe('▁the');
    expect([...llama2.tokenBytes(llama2.id('<0xFF>') ?? -1)]).toEqual([0xff]);
    expect(llama2.id('no such token')).toBeNull();
  });

  it('of BOS and EOS come from tokenizer_config.json', () => {
    expect([needle.bosTokenId, needle.eosTokenId]).toEqual([1, 4]);
    expect([llama2.bosTokenId, llama2.eosTokenId]).toEqual([null, null]);
    expect(needle.controlTokens).toContain('<|end|>');
    expect([needle.isSpecial(4), needle.isSpecial(100), needle.vocabSize]).toEqual([true, false, 1024]);
  });

  it('that are no ids are refused, ids without a token are empty', () => {
    expect(needle.decode([needle.vocabSize + 5])).toBe('');
    for (const id of [-1, 1.5, NaN]) {
      expect(() => needle.decode([id])).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
  });
});

describe('encode', () => {
  const gpt2 = createTokenizer(tokenizerFiles('gpt2'));

  it('reads special tokens in the text only when asked to, and never at literal offsets', () => {
    const text = 'a<|endoftext|>b<|endoftext|>';
    const count = (ids: Int32Array): number => [...ids].filter((id) => gpt2.isSpecial(id)).length;
    expect(count(gpt2.encode(text))).toBe(0);
    expect(count(gpt2.encode(text, { parseSpecial: true }))).toBe(2);
    expect(count(gpt2.encode(text, { parseSpecial: true, literalOffsets: [1] }))).toBe(1);
    expect(count(gpt2.encode(text, { parseSpecial: true, literalOffsets: [1, 15] }))).toBe(0);
  });

  it('reads a lone surrogate as U+FFFD', () => {
    expect(gpt2.encode('a\ud800b')).toEqual(gpt2.encode('a\ufffdb'));
  });

  it('refuses a text over the limit', () => {
    const run = (): unknown => gpt2.encode('x'.repeat(MAX_TEXT_UNITS + 1));
    expect(run).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field: 'text' }));
  });

  it('takes a run of 4,194,304 characters without a break and refuses a longer one', () => {
    const run = (): unknown => gpt2.encode('\u093c'.repeat(4 * 2 ** 20 + 1));
    expect(run).toThrow(expect.objectContaining({ reason: 'TEXT_RUN_TOO_LONG', field: 'text' }));
  });

  it.each(['gpt2', 'llama3', 'llama2', 'gemma'] as const)('%s takes a long text without a break', (kind) => {
    const tokenizer = createTokenizer(tokenizerFiles(kind));
    for (const part of ['ab', ' ', '\n', '中']) {
      const text = part.repeat(60_000 / part.length);
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
    }
  });
});

describe('tokenizer files', () => {
  it.each<[string, (spec: Record<string, unknown>) => void, string]>([
    ['a model of another kind', (spec) => (spec['model'] = { type: 'WordPiece', vocab: {} }), 'WordPiece'],
    ['Unigram', (spec) => (spec['model'] = { vocab: [['a', -1]] }), 'Unigram'],
    ['an unknown normalizer', (spec) => (spec['normalizer'] = { type: 'Precompiled' }), 'Precompiled'],
    ['an unknown pre-tokeniser', (spec) => (spec['pre_tokenizer'] = { type: 'UnicodeScripts' }), 'UnicodeScripts'],
    ['an unknown decoder', (spec) => (spec['decoder'] = { type: 'CTC' }), 'CTC'],
    ['an expression without an equal', (spec) => (spec['pre_tokenizer'] = possessive()), 'possessive'],
  ])('%s is refused by name', (_, change, name) => {
    const error = { code: 'UNIMPLEMENTED', message: expect.stringContaining(name) };
    expect(changed(change)).toThrow(expect.objectContaining(error));
  });

  it.each<[string, (spec: Record<string, unknown>) => void]>([
    ['a merge of unknown tokens', (spec) => (spec['model'] = { vocab: { a: 0 }, merges: ['a b'] })],
    ['a merge that is no pair', (spec) => (spec['model'] = { vocab: { a: 0 }, merges: ['a'] })],
    ['a negative id', (spec) => (spec['model'] = { vocab: { a: -1 }, merges: [] })],
    ['no model', (spec) => delete spec['model']],
    ['an added token without content', (spec) => (spec['added_tokens'] = [{ id: 1 }])],
  ])('%s is refused as a bad file', (_, change) => {
    expect(changed(change)).toThrow(expect.objectContaining({ reason: 'BAD_TOKENIZER_FILE' }));
  });

  it('that are not JSON in UTF-8 are refused', () => {
    for (const bytes of ['{', '[]', 'null']) {
      const run = (): unknown =>
        createTokenizer({ tokenizerJson: utf8.encode(bytes), tokenizerConfigJson: new Uint8Array() });
      expect(run).toThrow(expect.objectContaining({ reason: 'BAD_TOKENIZER_FILE', field: 'tokenizer.json' }));
    }
  });
});

function possessive(): unknown {
  return { type: 'Split', pattern: { Regex: '\\p{L}++' }, behavior: 'Isolated', invert: false };
}
