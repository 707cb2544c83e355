import type { AppError } from '@longhaul/kernel';
import type { GenerationEvent, TokenLogprob } from '@longhaul/inference';

/** A delta that can still grow: the buffer's own copy. */
interface PendingDelta {
  kind: 'delta';
  choice: number;
  text: string;
  tokenIds: number[];
  logprobs: TokenLogprob[] | null;
}

type Queued = Exclude<GenerationEvent, { kind: 'delta' }> | PendingDelta;
type Waiter = { resolve: (result: IteratorResult<GenerationEvent>) => void; reject: (error: AppError) => void };

/**
 * Events between the engine and one consumer. Deltas that nobody has read yet are merged, so there are never more
 * entries than one prompt event, two per choice and one `done`; the text in them is bounded by the request's maxTokens.
 */
export class EventBuffer implements AsyncIterableIterator<GenerationEvent> {
  readonly #queue: Queued[] = [];
  readonly #onReturn: () => void;
  #waiter: Waiter | null = null;
  #error: AppError | null = null;
  #ended = false;
  #unreadSinceMs: number | null = null;

  /** @param onReturn the consumer ended the iteration early. */
  constructor(onReturn: () => void) {
    this.#onReturn = onReturn;
  }

  /** Since when events wait although the consumer has not asked for any; null when it keeps up. */
  get unreadSinceMs(): number | null {
    return this.#unreadSinceMs;
  }

  push(event: GenerationEvent, nowMs: number): void {
    if (this.#ended) return;
    if (this.#waiter !== null) {
      const waiter = this.#waiter;
      this.#waiter = null;
      waiter.resolve({ done: false, value: event });
      return;
    }
    this.#unreadSinceMs ??= nowMs;
    this.#enqueue(event);
  }

  /** No further events. What is queued can still be read. */
  close(): void {
    this.#ended = true;
    this.#waiter?.resolve({ done: true, value: undefined });
    this.#waiter = null;
  }

  /** The request failed: queued events are dropped and the iterator throws once. */
  fail(error: AppError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#queue.length = 0;
    this.#unreadSinceMs = null;
    if (this.#waiter !== null) this.#waiter.reject(error);
    else this.#error = error;
    this.#waiter = null;
  }

  next(): Promise<IteratorResult<GenerationEvent>> {
    const event = this.#queue.shift();
    this.#unreadSinceMs = null;
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.#error !== null) {
      const error = this.#error;
      this.#error = null;
      return Promise.reject(error);
    }
    if (this.#ended) return Promise.resolve({ done: true, value: undefined });
    if (this.#waiter !== null) return Promise.reject(new Error('next() while another next() is pending'));
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
    });
  }

  return(): Promise<IteratorResult<GenerationEvent>> {
    this.#queue.length = 0;
    this.#unreadSinceMs = null;
    this.#error = null;
    this.close();
    this.#onReturn();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #enqueue(event: GenerationEvent): void {
    if (event.kind !== 'delta') {
      this.#queue.push(event);
      return;
    }
    const earlier = this.#queue.findLast((queued) => queued.kind === 'delta' && queued.choice === event.choice);
    if (earlier?.kind !== 'delta') {
      this.#queue.push({ ...event, tokenIds: [...event.tokenIds], logprobs: event.logprobs && [...event.logprobs] });
      return;
    }
    earlier.text += event.text;
    for (const token of event.tokenIds) earlier.tokenIds.push(token);
    for (const logprob of event.logprobs ?? []) earlier.logprobs?.push(logprob);
  }
}
