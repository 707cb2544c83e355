import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import type { GenerationEvent, GenerationRequest, TokenLogprob } from '@longhaul/inference';
import { SCRIPTED_MODEL } from '@longhaul/testing';
import { collect, emptyCollected } from '../src/adapters/http/collected.js';
import { completionFormat } from '../src/adapters/http/completion-format.js';
import type { StartedGeneration } from '../src/core/generation.js';
import type { TextCodec } from '../src/core/ports.js';
import { createTokenizerCodec } from '../src/index.js';

const smollm = codecOf('smollm');
const llama3 = codecOf('llama3');
const llama2 = codecOf('llama2');

function codecOf(kind: string): TextCodec {
  const file = new URL(`../../../libs/tokenizer/test/goldens/${kind}.tokenizer.json`, import.meta.url);
  const files = { tokenizerJson: readFileSync(file), tokenizerConfigJson: new Uint8Array(), chatTemplate: null };
  return createTokenizerCodec(files);
}

interface SentLogprobs {
  tokens: string[];
  token_logprobs: (number | null)[];
  top_logprobs: (Record<string, number> | null)[];
  text_offset: number[];
}

interface Choice {
  text: string;
  logprobs: SentLogprobs | null;
}

interface Run {
  codec?: TextCodec;
  prompt?: string;
  echo?: boolean;
  /** Per step the tokens and the text that is sent with them. */
  steps: { tokenIds: number[]; text: string }[];
}

const score = (tokenId: number): TokenLogprob => ({ tokenId, logprob: -1, top: [{ tokenId, logprob: -1 }] });

/** As clients get it: lists that are made while they are written are lists then. */
function sent<T>(answer: unknown): T {
  return JSON.parse(JSON.stringify(answer)) as T;
}

/** The same generation as a whole answer and as a stream put together. */
async function bothWays({ codec = smollm, prompt = '', echo = false, steps }: Run): Promise<[Choice, Choice]> {
  const promptTokenIds = await codec.encode(prompt, { addSpecialTokens: true, parseSpecialTokens: true });
  const request = { promptTokenIds, n: 1, includeSpecialTokens: false } as GenerationRequest;
  const served = { info: SCRIPTED_MODEL, codec };
  const promptLogprobs = echo ? [...promptTokenIds].map((id, at) => (at === 0 ? null : score(id))) : null;
  const deltas = steps.map(({ tokenIds, text }): GenerationEvent => {
    return { kind: 'delta', choice: 0, text, tokenIds, logprobs: tokenIds.map(score) };
  });
  const events: GenerationEvent[] = [
    { kind: 'prompt', cachedTokens: 0, promptLogprobs },
    ...deltas,
    { kind: 'finished', choice: 0, reason: 'stop', stopString: null },
  ];
  const started = [{ served, request, events: [] }] as unknown as StartedGeneration[];
  const options = { started, logprobs: true, includeUsage: false, showPromptLogprobs: false };
  const openFormat = () => completionFormat({ ...options, echo: [echo ? prompt : null] });

  const collected = emptyCollected(1);
  for (const event of events) collect(collected, event);
  const whole = sent<{ choices: Choice[] }>(openFormat().whole([collected])).choices[0];
  const format = openFormat();
  const chunks = sent<{ choices: Choice[] }[]>(events.flatMap((event) => format.chunks({ prompt: 0, event })));
  return [whole ?? { text: '', logprobs: null }, joined(chunks.flatMap((chunk) => chunk.choices))];
}

function joined(choices: Choice[]): Choice {
  const lists = choices.flatMap((choice) => (choice.logprobs ? [choice.logprobs] : []));
  return {
    text: choices.map((choice) => choice.text).join(''),
    logprobs: {
      tokens: lists.flatMap((list) => list.tokens),
      token_logprobs: lists.flatMap((list) => list.token_logprobs),
      top_logprobs: lists.flatMap((list) => list.top_logprobs),
      text_offset: lists.flatMap((list) => list.text_offset),
    },
  };
}

async function tokensOf(text: string, codec = smollm): Promise<number[]> {
  return [...(await codec.encode(text, { addSpecialTokens: false, parseSpecialTokens: true }))];
}

describe('text_offset', () => {
  it('is the same streamed as whole while text is held back for a stop string', async () => {
    const ids = await tokensOf('one two three four');
    const text = 'one two three four';
    const steps = ids.map((id, at) => ({ tokenIds: [id], text: at === ids.length - 1 ? text : '' }));
    const [whole, streamed] = await bothWays({ steps });
    expect(streamed).toMatchObject({ text: whole.text, logprobs: whole.logprobs });
    const starts = ids.map((_, at) => smollm.decode(ids.slice(0, at), false).length);
    expect(whole.logprobs?.text_offset).toEqual(starts);
  });

  it('counts code points, and parts of a character where it begins', async () => {
    const text = 'a\u{1F600}b\u{10348}c';
    const ids = await tokensOf(text);
    const characters = [...text];
    const [whole, streamed] = await bothWays({
      steps: [
        { tokenIds: ids.slice(0, 2), text: 'a' },
        { tokenIds: ids.slice(2), text: text.slice(1) },
      ],
    });
    const offsets = whole.logprobs?.text_offset ?? [];
    expect(streamed.logprobs?.text_offset).toEqual(offsets);
    expect(offsets.length).toBeGreaterThan(characters.length);
    for (const [at, id] of ids.entries()) {
      const { text: own } = smollm.token(id);
      if (!own.includes('\ufffd')) expect(characters.slice(offsets[at]).join('').startsWith(own)).toBe(true);
    }
    expect(Math.max(...offsets)).toBe(characters.length - 1);
  });

  it('of a stop string that is cut off lies behind the end of the text', async () => {
    const ids = await tokensOf('done STOP');
    const [whole, streamed] = await bothWays({
      steps: ids.map((id, at) => ({ tokenIds: [id], text: at ? '' : 'done' })),
    });
    expect(whole.text).toBe('done');
    expect(streamed.logprobs).toEqual(whole.logprobs);
    expect(whole.logprobs?.text_offset.at(-1)).toBeGreaterThanOrEqual('done'.length);
  });

  it.each([
    ['llama3', llama3],
    ['llama2', llama2],
    ['smollm', smollm],
  ])('of an echoed prompt leaves out what the tokenizer of %s put round it', async (_, codec) => {
    const prompt = 'h\u{1F600}llo the end';
    const ids = await tokensOf(' and more', codec);
    const answer = smollm === codec ? ' and more' : 'and more';
    const [whole, streamed] = await bothWays({ codec, prompt, echo: true, steps: [{ tokenIds: ids, text: answer }] });
    expect(streamed).toMatchObject({ text: whole.text, logprobs: whole.logprobs });
    const { tokens = [], text_offset: offsets = [] } = whole.logprobs ?? {};
    expect(offsets[0]).toBe(0);
    expect(offsets[tokens.length - ids.length]).toBe([...prompt].length);
    const the = tokens.findIndex((token) => token.trim() === 'the');
    const space = tokens[the]?.startsWith(' ') ? 1 : 0;
    expect(offsets[the]).toBe([...'h\u{1F600}llo '].length - space);
  });
});

describe('the names of tokens that are no whole text', () => {
  it('are their bytes, so that alternatives keep apart', async () => {
    const ids = (await tokensOf('\u{10348}')).slice(0, 2);
    const [whole] = await bothWays({ steps: [{ tokenIds: ids, text: '' }] });
    const names = whole.logprobs?.tokens ?? [];
    expect(new Set(names).size).toBe(2);
    for (const name of names) expect(name).toMatch(/^bytes:(\\x[0-9a-f]{2})+$/u);
    expect(whole.logprobs?.top_logprobs.map((top) => Object.keys(top ?? {}))).toEqual(names.map((name) => [name]));
  });
});
