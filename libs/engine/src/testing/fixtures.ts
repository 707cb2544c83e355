import { DENSE, type CompiledPolicy } from '@longhaul/attention';
import type { GenerationEvent, GenerationRequest, SamplingParams, StopParams, TokenLogprob } from '@longhaul/inference';
import type { EngineOptions } from '../context.js';
import { createEngine } from '../create-engine.js';
import { type Engine } from '../engine.js';
import { engineViolations } from '../invariants.js';
import { defaultLimits, type EngineLimits } from '../limits.js';
import type { Detokenize, ModelFacts, SampleSpec } from '../ports.js';
import { sampleReference } from '../sampling/sampler.js';
import { logitsOf, mix, SimulatedRunner, simulatedRope, storedValue, VOCAB } from './simulated-runner.js';
import { compiled, simulatedShape } from './policies.js';
import { blockBegin, blockEnd, SimulatedAttention } from './simulated-attention.js';
import { plainStops } from './plain-stops.js';

export const EOS = 0;

export const simulatedModel: ModelFacts = {
  fingerprint: 'simulated',
  numericsId: 'hash32',
  kvQuality: 'exact',
  contextLength: 4096,
  vocabSize: VOCAB,
  eosTokenIds: [EOS],
};

/** Token 7 is `ha`: every token is two letters. */
export function pieceOf(token: number): string {
  return String.fromCharCode(97 + (token % 26)) + String.fromCharCode(97 + Math.floor(token / 26));
}

export const simulatedDetokenize: Detokenize = {
  open: () => ({ push: pieceOf, finish: () => '' }),
};

export interface Overrides extends Partial<Omit<GenerationRequest, 'sampling' | 'stop'>> {
  sampling?: Partial<SamplingParams>;
  stop?: Partial<StopParams>;
}

let nextId = 0;

/** A valid greedy request for 20 tokens. */
export function request(overrides: Overrides = {}): GenerationRequest {
  const { sampling, stop, ...rest } = overrides;
  return {
    requestId: `r${nextId++}`,
    promptTokenIds: prompt(20, 1),
    tenant: 'tenant',
    cacheSalt: '',
    attention: DENSE,
    quality: null,
    n: 1,
    maxTokens: 20,
    sampling: {
      ...{ temperature: 0, topP: 1, topK: 0, minP: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 },
      ...{ logitBias: new Map<number, number>(), seed: 1n },
      ...sampling,
    },
    stop: { strings: [], tokenIds: [], includeStopString: false, ignoreEos: true, minTokens: 0, ...stop },
    logprobs: null,
    promptLogprobs: null,
    includeSpecialTokens: false,
    speculation: null,
    priority: 0,
    deadlineMs: null,
    ...rest,
  };
}

/** Pseudo-random tokens without the end token. */
export function prompt(length: number, seed: number): Int32Array {
  return Int32Array.from({ length }, (_, i) => 1 + (mix(seed, i) % (VOCAB - 1)));
}

export interface Harness {
  engine: Engine;
  runner: SimulatedRunner;
}

export function harness(limits: Partial<EngineLimits> = {}, options: Partial<EngineOptions> = {}): Harness {
  const all = { ...defaultLimits, pages: 512, ...limits };
  const runner = new SimulatedRunner(all.pages);
  const engine = createEngine({
    runner,
    model: simulatedModel,
    rope: simulatedRope,
    detokenize: simulatedDetokenize,
    openStopMatcher: plainStops,
    limits: all,
    attention: { shape: simulatedShape },
    ...options,
  });
  return { engine, runner };
}

/** What one choice came to. */
export interface ChoiceResult {
  tokens: number[];
  text: string;
  logprobs: TokenLogprob[];
  reason: string | null;
  stopString: string | null;
}

export interface Collected {
  choices: ChoiceResult[];
  prompt: Extract<GenerationEvent, { kind: 'prompt' }> | null;
  done: Extract<GenerationEvent, { kind: 'done' }> | null;
}

/** Reads a stream to its end. */
export async function collect(events: AsyncIterable<GenerationEvent>): Promise<Collected> {
  const result: Collected = { choices: [], prompt: null, done: null };
  for await (const event of events) {
    if (event.kind === 'prompt') result.prompt = event;
    else if (event.kind === 'done') result.done = event;
    else {
      const empty: ChoiceResult = { tokens: [], text: '', logprobs: [], reason: null, stopString: null };
      const choice = (result.choices[event.choice] ??= empty);
      if (event.kind === 'finished') Object.assign(choice, { reason: event.reason, stopString: event.stopString });
      else {
        choice.text += event.text;
        choice.tokens.push(...event.tokenIds);
        choice.logprobs.push(...(event.logprobs ?? []));
      }
    }
  }
  return result;
}

/**
 * Tokens of a request computed without engine, pages or batches: the oracle. Knows no stop strings.
 *
 * @param policy what the request's attention is compiled to; null: dense.
 */
export function expectedTokens(
  asked: GenerationRequest,
  choice = 0,
  policy: CompiledPolicy | null = compiled(asked.attention),
): number[] {
  const promptLength = asked.promptTokenIds.length;
  const open = () => policy && new SimulatedAttention(policy, () => undefined, { options: {}, forked: null });
  const tokens = [...asked.promptTokenIds];
  let table = simulatedRope.forLength(tokens.length);
  const output: number[] = [];
  let state = 0;
  let context = 0;
  let computed = 0;
  let attention = open();
  while (output.length < asked.maxTokens) {
    if (tokens.length > table.longestTokens) {
      table = simulatedRope.forLength(tokens.length);
      state = 0;
      computed = 0;
      attention = open();
    }
    for (; computed < tokens.length; computed++) {
      const begin = blockBegin(computed, promptLength);
      const block = { begin, tokens: Int32Array.from(tokens.slice(begin, blockEnd(computed, promptLength))) };
      const seen = attention?.see({ position: computed, state }, block, promptLength) ?? null;
      const view = seen === null ? state : mix(state, seen);
      const stored = storedValue(view, tokens[computed] as number, computed, table.invFreq[0] as number);
      state = mix(state, stored);
      context = mix(view, stored);
    }
    const { token } = sampleReference(logitsOf(context), specOf(asked, { output, choice }));
    tokens.push(token);
    output.push(token);
    if ((!asked.stop.ignoreEos && token === EOS) || asked.stop.tokenIds.includes(token)) break;
  }
  return output;
}

function specOf(asked: GenerationRequest, at: { output: readonly number[]; choice: number }): SampleSpec {
  const { logitBias, ...sampling } = asked.sampling;
  const counts = new Map<number, number>(Array.from(asked.promptTokenIds, (token) => [token, 0]));
  for (const token of at.output) counts.set(token, (counts.get(token) ?? 0) + 1);
  const masked = at.output.length < asked.stop.minTokens;
  return {
    ...sampling,
    row: 0,
    seenTokens: Int32Array.from(counts.keys()),
    seenCounts: Int32Array.from(counts.values()),
    biasTokens: Int32Array.from(logitBias.keys()),
    biasValues: Float32Array.from(logitBias.values()),
    bannedTokens: Int32Array.from(masked ? [EOS, ...asked.stop.tokenIds] : []),
    stream: at.choice,
    position: asked.promptTokenIds.length + at.output.length,
    logprobs: -1,
  };
}

/** Violations of the engine's invariants, and pages still in use by sequences, when nothing runs. */
export function leaks(engine: Engine): string[] {
  const snapshot = engine.snapshot();
  const held = snapshot.pages.references.filter((count) => count > 0).length;
  return [...engineViolations(snapshot), ...(held > 0 ? [`${held} pages are still held`] : [])];
}
