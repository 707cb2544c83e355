import { afterEach, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenizerFiles } from '@longhaul/inference';
import { createTokenizer } from '@longhaul/tokenizer';
import { probeTokenizer, createTextSandbox, sandboxLoad, type TextSandbox } from '../src/index.js';

const GOLDENS = new URL('../../tokenizer/test/goldens/', import.meta.url);
const OPTIONS = { addGenerationPrompt: true, continueFinalMessage: false, variables: {} };
const HELLO = [{ role: 'user', content: 'Hello' }];
const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{% endfor %}" +
  "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

const open: TextSandbox[] = [];

afterEach(() => {
  for (const sandbox of open.splice(0)) sandbox.close();
});

/** A tokenizer whose text is cut and rewritten by expressions of its own. */
function tokenizerJson(change: { split?: string; replace?: string; added?: string }): Uint8Array {
  const root = JSON.parse(readFileSync(new URL('llama3.tokenizer.json', GOLDENS), 'utf8')) as Record<string, unknown>;
  const [, byteLevel] = (root['pre_tokenizer'] as { pretokenizers: unknown[] }).pretokenizers;
  if (change.split !== undefined) {
    const step = { type: 'Split', pattern: { Regex: change.split }, behavior: 'Isolated', invert: false };
    root['pre_tokenizer'] = { type: 'Sequence', pretokenizers: [step, byteLevel] };
  }
  if (change.replace !== undefined) {
    root['normalizer'] = { type: 'Replace', pattern: { Regex: change.replace }, content: ' ' };
  }
  if (change.added !== undefined) root['added_tokens'] = [{ id: 1, content: change.added, special: true }];
  return Buffer.from(JSON.stringify(root));
}

function files(chatTemplate: string | null, change: Parameters<typeof tokenizerJson>[0] = {}): TokenizerFiles {
  return { tokenizerJson: tokenizerJson(change), tokenizerConfigJson: new Uint8Array(), chatTemplate };
}

function sandboxOf(of: TokenizerFiles): TextSandbox {
  const sandbox = createTextSandbox(of, createTokenizer(of));
  open.push(sandbox);
  return sandbox;
}

/** How often this process could do something else while it waited. */
async function turnsDuring(waiting: Promise<unknown>): Promise<number> {
  let turns = 0;
  let done = false;
  void waiting.catch(() => undefined).finally(() => (done = true));
  for (; !done; turns++) await sleep(1);
  return turns;
}

describe('chat templates of a checkpoint', () => {
  it('render as in this process', async () => {
    const { text, literalOffsets } = await sandboxOf(files(CHATML)).prompt(HELLO, OPTIONS);
    expect(text).toBe('<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n');
    expect([...literalOffsets]).toEqual([]);
  });

  it.each([
    ['nested ranges', '{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}'],
    [
      'a list that doubles',
      '{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = ns.x + ns.x %}{% endfor %}',
    ],
    [
      'a text that doubles',
      "{% set ns = namespace(x='a') %}{% for i in range(99) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    ],
    [
      'repeated replace',
      "{% set ns = namespace(x='aa') %}{% for i in range(99) %}{% set ns.x = ns.x.replace('a', 'aaaaaaaa') %}{% endfor %}{{ ns.x }}",
    ],
    ['a text times a number', "{{ 'a' * 999999999 }}"],
    [
      'a join of everything with everything',
      "{% set ns = namespace(x='ab') %}{% for i in range(99) %}{% set ns.x = ns.x | list | join(ns.x) %}{% endfor %}",
    ],
    [
      'a list that is held by itself again and again',
      '{% set ns = namespace(x=[1]) %}{% for i in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | tojson }}',
    ],
    [
      'kept texts that fill the memory',
      "{% set ns = namespace(x=[]) %}{% for i in range(9999) %}{% set ns.x = ns.x + ['a' * 33000000 ~ i] %}{{ 'b' in ns.x[i] }}{% endfor %}",
    ],
    ['a macro that calls itself', '{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}'],
  ])('that take too much end with a clear error, and the next chat is served: %s', async (_name, hostile) => {
    const template = `{% if messages[0].content == 'bad' %}${hostile}{% endif %}${CHATML}`;
    const sandbox = sandboxOf(files(template));
    await expect(sandbox.prompt([{ role: 'user', content: 'bad' }], OPTIONS)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      reason: 'CHAT_TEMPLATE_FAILED',
      field: 'messages',
    });
    await expect(sandbox.prompt(HELLO, OPTIONS)).resolves.toMatchObject({ text: expect.stringContaining('Hello') });
  });

  it('that are nested too deeply are refused by name', async () => {
    for (const source of [
      `${'{% if 1 %}'.repeat(20_000)}`,
      `{{ ${'('.repeat(20_000)}1${')'.repeat(20_000)} }}`,
      `{{ ${'['.repeat(20_000)} }}`,
    ]) {
      await expect(sandboxOf(files(source)).prompt(HELLO, OPTIONS)).rejects.toMatchObject({
        reason: expect.stringMatching(/^(UNSUPPORTED_CHAT_TEMPLATE|CHAT_TEMPLATE_FAILED)$/),
      });
    }
  });

  it('wait in a bounded queue that an abort leaves', async () => {
    const endless = '{% for a in range(99999) %}{% for b in range(99999) %}{{ b }}{% endfor %}{% endfor %}';
    const sandbox = sandboxOf(files(endless));
    const controller = new AbortController();
    const jobs = Array.from({ length: 1100 }, () =>
      sandbox.prompt(HELLO, OPTIONS, controller.signal).catch((error: unknown) => error),
    );
    await Promise.resolve();
    expect(sandboxLoad()).toEqual({ running: 2, queued: 1024 });
    controller.abort();
    const reasons = (await Promise.all(jobs)).map((error) => (error as { reason: string }).reason);
    expect(reasons.filter((reason) => reason === 'TOO_MANY_TEMPLATE_JOBS')).toHaveLength(1100 - 1024 - 2);
    expect(sandboxLoad().queued).toBe(0);
  });

  it('see nothing of this process', async () => {
    const template = '{{ process }}{{ globalThis }}{{ messages.constructor }}';
    const { text } = await sandboxOf(files(template)).prompt(HELLO, OPTIONS);
    expect(text).not.toMatch(/function|object/);
  });
});

describe('expressions of a checkpoint', () => {
  const own = '\\d+|\\p{L}+|\\s+|[^\\d\\p{L}\\s]+';

  it('give the ids that they give in this process', async () => {
    const of = files(null, { split: own, replace: '\\s{2,}' });
    const text = 'Where 12  is 345,\n\n  who?';
    const ids = await sandboxOf(of).encode(text, { addSpecialTokens: true, parseSpecial: false });
    expect([...ids]).toEqual([...createTokenizer(of, { runForeignPatterns: true }).encode(text)]);
    expect(() => createTokenizer(of).encode(text)).toThrow(expect.objectContaining({ reason: 'FOREIGN_PATTERN' }));
  });

  it.each([
    ['split', { split: '(a+)+$' }],
    ['normaliser', { replace: '(a+)+$' }],
  ])('that take too long end with a clear error while this process goes on: %s', async (_name, change) => {
    const sandbox = sandboxOf(files(null, change));
    const encoded = sandbox.encode(`${'a'.repeat(5000)}!`, { addSpecialTokens: false, parseSpecial: false });
    const turns = turnsDuring(encoded);
    await expect(encoded).rejects.toMatchObject({ reason: 'TOKENIZER_PATTERN_FAILED', field: 'text' });
    expect(await turns).toBeGreaterThan(10);
    const short = await sandbox.encode('bb', { addSpecialTokens: false, parseSpecial: false });
    expect(short.length).toBeGreaterThan(0);
  });
});

describe('a checkpoint before it is imported', () => {
  it('is taken with a known tokenizer and a sane template, or with sane expressions of its own', async () => {
    await expect(probeTokenizer(files(CHATML))).resolves.toBeUndefined();
    await expect(probeTokenizer(files(null, { split: '\\d+|\\D+' }))).resolves.toBeUndefined();
    await expect(probeTokenizer(files("{{ raise_exception('no') }}"))).resolves.toBeUndefined();
  });

  it.each([
    [
      'a split expression that takes for ever',
      files(null, { split: '(a+)+$' }),
      'UNSUPPORTED_TOKENIZER',
      /\(a\+\)\+\$/,
    ],
    [
      'a normaliser expression that takes for ever',
      files(null, { replace: '(a+)+$' }),
      'UNSUPPORTED_TOKENIZER',
      /\(a\+\)\+\$/,
    ],
    [
      'a template that takes too many steps',
      files('{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}'),
      'UNSUPPORTED_CHAT_TEMPLATE',
      /steps|ms/,
    ],
    ['an added token of 20 MB', files(null, { added: 'x'.repeat(20_000_000) }), 'BAD_TOKENIZER_FILE', /20000000/],
  ])('is refused for %s', async (_name, of, reason, message) => {
    await expect(probeTokenizer(of)).rejects.toMatchObject({ reason, message: expect.stringMatching(message) });
  });
});
