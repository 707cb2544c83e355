import type { GenerationEvent } from '@longhaul/inference';

export interface SourcedEvent {
  /** Which prompt of the request it belongs to. */
  prompt: number;
  event: GenerationEvent;
}

/**
 * The events of several generations as they come. One event of each source is asked for at a time. The first failure
 * ends everything, and so does ending the iteration.
 */
export async function* mergeEvents(
  sources: readonly AsyncIterable<GenerationEvent>[],
): AsyncGenerator<SourcedEvent, void> {
  const iterators = sources.map((source) => source[Symbol.asyncIterator]());
  const ask = async (prompt: number) => ({ prompt, result: await iterators[prompt]?.next() });
  const pending = new Map(iterators.map((_, prompt) => [prompt, ask(prompt)]));
  try {
    while (pending.size > 0) {
      const { prompt, result } = await Promise.race(pending.values());
      if (!result || result.done) {
        pending.delete(prompt);
        continue;
      }
      pending.set(prompt, ask(prompt));
      yield { prompt, event: result.value };
    }
  } finally {
    for (const waiting of pending.values()) waiting.catch(() => undefined);
    for (const iterator of iterators) void Promise.resolve(iterator.return?.()).catch(() => undefined);
  }
}
