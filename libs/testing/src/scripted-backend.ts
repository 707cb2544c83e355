import { setTimeout as sleep } from 'node:timers/promises';
import type {
  AttentionUsage,
  BackendLoad,
  GenerationEvent,
  GenerationRequest,
  InferenceBackend,
  ModelInfo,
  TokenizerFiles,
  TokenLogprob,
} from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';

const EOS = 257;

/** A made-up model of byte tokens. */
export const SCRIPTED_MODEL: ModelInfo = {
  id: 'acme/scripted',
  family: 'llama',
  fingerprint: 'f'.repeat(64),
  contextLength: 4096,
  vocabSize: 258,
  eosTokenIds: [EOS],
  weightScheme: 'f32',
  kvDtype: 'f32',
  defaults: { temperature: 0.5 },
  createdUnixS: 1_700_000_000,
};

/** How the backend behaves; change it between requests. */
export interface Script {
  prefillMs: number;
  tokenMs: number;
  /** Characters per delta: more fills sockets sooner. */
  textRepeat: number;
  /** Thrown before the first event. */
  refuse: AppError | null;
  /** Thrown after this many tokens. */
  failAfter: number | null;
  /** What it says of attention. */
  attention: AttentionUsage | null;
  ready: boolean;
}

/** What it says of requests that ask for drafts. */
const DRAFTED = { draftedTokens: 5, acceptedTokens: 3 };

/**
 * Token k of choice c is a letter that follows from the prompt's sum, c and k, so that an answer shows whether request
 * and events arrived whole. Honours max tokens, cancellation and log-probabilities.
 */
export class ScriptedBackend implements InferenceBackend {
  readonly requests: GenerationRequest[] = [];
  readonly script: Script = {
    ...{ prefillMs: 0, tokenMs: 0, textRepeat: 1, refuse: null, failAfter: null, attention: null, ready: true },
  };
  readonly #model: ModelInfo;
  running = 0;
  cancelled = 0;
  tokensSent = 0;

  constructor(model: ModelInfo = SCRIPTED_MODEL) {
    this.#model = model;
  }

  model(): Promise<ModelInfo> {
    return Promise.resolve(this.#model);
  }

  tokenizerFiles(): Promise<TokenizerFiles> {
    const bytes = new TextEncoder().encode('{}');
    return Promise.resolve({ tokenizerJson: bytes, tokenizerConfigJson: bytes, chatTemplate: 'bytes' });
  }

  load(): BackendLoad {
    return { ready: this.script.ready, running: this.running, waiting: 0, kvUsage: 0 };
  }

  async *generate(request: GenerationRequest, signal: AbortSignal): AsyncGenerator<GenerationEvent, void> {
    this.requests.push(request);
    if (this.script.refuse) throw this.script.refuse;
    this.running += 1;
    let ended = false;
    try {
      await pause(this.script.prefillMs, signal);
      yield { kind: 'prompt', cachedTokens: 3, promptLogprobs: promptScores(request) };
      for (let index = 0; index < request.maxTokens; index++) {
        if (index === this.script.failAfter)
          throw new AppError({ code: 'INTERNAL', reason: 'STEP_FAILED', message: 'A step failed.' });
        for (let choice = 0; choice < request.n; choice++) yield this.#delta(request, choice, index);
        await pause(this.script.tokenMs, signal);
      }
      for (let choice = 0; choice < request.n; choice++)
        yield { kind: 'finished', choice, reason: 'length', stopString: null };
      const usage = {
        promptTokens: request.promptTokenIds.length,
        cachedTokens: 3,
        completionTokens: request.maxTokens * request.n,
        attention: this.script.attention,
        ...(request.speculation === null ? { draftedTokens: 0, acceptedTokens: 0 } : DRAFTED),
      };
      yield { kind: 'done', usage, timings: { queueMs: 1, prefillMs: 2, decodeMs: 3 } };
      ended = true;
    } finally {
      this.running -= 1;
      if (!ended) this.cancelled += 1;
    }
  }

  #delta(request: GenerationRequest, choice: number, index: number): GenerationEvent {
    const tokenId = scriptedToken(request.promptTokenIds, choice, index);
    this.tokensSent += 1;
    const text = String.fromCharCode(tokenId).repeat(this.script.textRepeat);
    const logprobs = request.logprobs === null ? null : [score(tokenId, request.logprobs)];
    return { kind: 'delta', choice, text, tokenIds: [tokenId], logprobs };
  }
}

export function scriptedToken(prompt: Int32Array, choice: number, index: number): number {
  const sum = prompt.reduce((total, id) => total + id, 0);
  return 97 + ((sum + 7 * choice + index) % 26);
}

/** What the backend answers to a text, as a string. */
export function scriptedText(prompt: string, count: number, choice = 0): string {
  const ids = Int32Array.from(Buffer.from(prompt));
  return Array.from({ length: count }, (_, index) => String.fromCharCode(scriptedToken(ids, choice, index))).join('');
}

function score(tokenId: number, alternatives: number): TokenLogprob {
  const top = Array.from({ length: alternatives }, (_, rank) => ({ tokenId: 65 + rank, logprob: -1 - rank }));
  return { tokenId, logprob: -0.5, top };
}

function promptScores(request: GenerationRequest): (TokenLogprob | null)[] | null {
  const { promptLogprobs } = request;
  if (promptLogprobs === null) return null;
  return [...request.promptTokenIds].map((id, index) => (index === 0 ? null : score(id, promptLogprobs)));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (ms > 0) await sleep(ms, undefined, { signal });
  else await new Promise((resolve) => setImmediate(resolve));
  signal.throwIfAborted();
}
