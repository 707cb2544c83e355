import type { GenerationEvent } from '@longhaul/inference';
import { addUsage, usageBody, type CollectedChoice } from './collected.js';
import { LazyList } from './lazy-list.js';
import { chatLogprob, promptLogprobs } from './logprobs.js';
import { chunkOf, responseHead, usageChunkOf, type FormatOptions, type ResponseFormat } from './response-format.js';

/** Answers and chunks of /v1/chat/completions. A request has one prompt. */
export function chatFormat({ started, logprobs, includeUsage }: FormatOptions): ResponseFormat {
  const codec = started[0]?.served.codec;
  const head = responseHead('chatcmpl', 'chat.completion', started);
  const chunkHead = { ...head, object: 'chat.completion.chunk' };
  const greeted = new Set<number>();
  const logprobsOf = (entries: CollectedChoice['logprobs']) =>
    logprobs && codec ? { content: LazyList.map(entries, (entry) => chatLogprob(codec, entry)), refusal: null } : null;

  const wholeChoice = (choice: CollectedChoice, index: number) => ({
    index,
    message: { role: 'assistant', content: choice.text, refusal: null },
    logprobs: logprobsOf(choice.logprobs),
    finish_reason: choice.finishReason,
    ...stopReason(choice.stopString),
  });

  const chunk = (index: number, delta: object, rest: object = {}) =>
    chunkOf(chunkHead, [{ index, delta, logprobs: null, finish_reason: null, ...rest }], includeUsage);

  /** Clients expect the role once, in a choice's first chunk. */
  const greeting = (index: number): unknown[] => {
    if (greeted.has(index)) return [];
    greeted.add(index);
    return [chunk(index, { role: 'assistant', content: '' })];
  };

  const eventChunks = (event: GenerationEvent): unknown[] => {
    switch (event.kind) {
      case 'prompt':
      case 'done':
        return [];
      case 'delta': {
        const shown = event.text !== '' || (logprobs && event.tokenIds.length > 0);
        const more = shown
          ? [chunk(event.choice, { content: event.text }, { logprobs: logprobsOf([...(event.logprobs ?? [])]) })]
          : [];
        return [...greeting(event.choice), ...more];
      }
      case 'finished':
        return [
          ...greeting(event.choice),
          chunk(event.choice, {}, { finish_reason: event.reason, ...stopReason(event.stopString) }),
        ];
    }
  };

  return {
    whole: (collected) => ({
      ...head,
      choices: collected.flatMap((part) => part.choices.map(wholeChoice)),
      usage: usageBody(addUsage(collected.map((part) => part.usage))),
      ...(codec && collected[0]?.promptLogprobs
        ? { prompt_logprobs: promptLogprobs(codec, collected[0].promptLogprobs) }
        : {}),
    }),
    chunks: ({ event }) => eventChunks(event),
    usageChunk: (usage) => usageChunkOf(chunkHead, usage),
  };
}

/** The extension field `stop_reason`: which stop string ended the choice. */
export function stopReason(stopString: string | null): { stop_reason?: string } {
  return stopString === null ? {} : { stop_reason: stopString };
}
