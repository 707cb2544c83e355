import type { CompletionBody } from './mixed-requests.js';

/** What one choice said. */
export interface StreamedChoice {
  text: string;
  /** Texts of the tokens, where the request asked for logprobs. */
  tokens: string[];
  /** Their log-probabilities, to the last bit. */
  logprobs: (number | null)[];
  finishReason: string | null;
}

interface Chunk {
  choices: {
    index: number;
    text: string;
    logprobs?: { tokens: string[]; token_logprobs: (number | null)[] } | null;
    finish_reason: string | null;
  }[];
  error?: { message: string };
}

export interface StreamOptions {
  signal?: AbortSignal;
  /** Called with every chunk. */
  onChunk?: () => void;
}

/**
 * Reads a streamed completion to its end.
 *
 * @throws Error with the server's message, or the reason of the signal.
 */
export async function streamCompletion(
  url: string,
  body: CompletionBody,
  options: StreamOptions = {},
): Promise<StreamedChoice[]> {
  const response = await fetch(`${url}/v1/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true }),
    ...(options.signal ? { signal: options.signal } : {}),
  });
  if (!response.ok || !response.body) throw new Error(`HTTP ${response.status}: ${await response.text()}`);
  const choices: StreamedChoice[] = [];
  let ended = false;
  for await (const data of serverSentData(response.body)) {
    if (data === '[DONE]') ended = true;
    else addChunk(choices, JSON.parse(data) as Chunk);
    options.onChunk?.();
  }
  if (!ended) throw new Error('the stream ended without its mark');
  return choices;
}

function addChunk(choices: StreamedChoice[], chunk: Chunk): void {
  if (chunk.error) throw new Error(chunk.error.message);
  for (const { index, text, logprobs, finish_reason } of chunk.choices) {
    const choice = (choices[index] ??= { text: '', tokens: [], logprobs: [], finishReason: null });
    choice.text += text;
    choice.tokens.push(...(logprobs?.tokens ?? []));
    choice.logprobs.push(...(logprobs?.token_logprobs ?? []));
    choice.finishReason = finish_reason ?? choice.finishReason;
  }
}

async function* serverSentData(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder();
  let pending = '';
  for await (const bytes of stream) {
    pending += decoder.decode(bytes, { stream: true });
    const events = pending.split('\n\n');
    pending = events.pop() ?? '';
    for (const event of events) if (event.startsWith('data: ')) yield event.slice('data: '.length);
  }
}
