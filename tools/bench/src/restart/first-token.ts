import { Agent, request } from 'node:http';

/** One completion, timed to its first chunk. */
export interface TimedCompletion {
  firstTokenMs: number;
  text: string;
  cachedTokens: number;
}

interface Chunk {
  choices: { text: string }[];
  usage?: { prompt_tokens_details?: { cached_tokens?: number } } | null;
}

const agent = new Agent({ keepAlive: false });

/** Asks for a greedy continuation of some tokens. No client timeout: a cold prompt may take minutes. */
export async function timedCompletion(
  url: string,
  asked: { model: string; prompt: readonly number[]; maxTokens: number },
): Promise<TimedCompletion> {
  const { model, prompt, maxTokens } = asked;
  const body = { model, prompt, max_tokens: maxTokens, temperature: 0, ignore_eos: true, stream: true };
  const payload = JSON.stringify({ ...body, stream_options: { include_usage: true } });
  const startMs = performance.now();
  const lines = await streamLines(`${url}/v1/completions`, payload);
  let firstTokenMs = Number.NaN;
  let text = '';
  let cachedTokens = 0;
  for await (const line of lines) {
    if (!line.startsWith('data: ') || line === 'data: [DONE]') continue;
    if (Number.isNaN(firstTokenMs)) firstTokenMs = performance.now() - startMs;
    const chunk = JSON.parse(line.slice('data: '.length)) as Chunk;
    text += chunk.choices.map((choice) => choice.text).join('');
    cachedTokens = chunk.usage?.prompt_tokens_details?.cached_tokens ?? cachedTokens;
  }
  return { firstTokenMs, text, cachedTokens };
}

async function streamLines(url: string, payload: string): Promise<AsyncIterable<string>> {
  return new Promise((resolve, reject) => {
    const call = request(
      url,
      { method: 'POST', agent, headers: { 'content-type': 'application/json' } },
      (response) => {
        if (response.statusCode === 200) resolve(linesOf(response));
        else void collect(response).then((text) => reject(new Error(`HTTP ${response.statusCode}: ${text}`)), reject);
      },
    );
    call.on('error', reject);
    call.end(payload);
  });
}

async function* linesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<string, void, undefined> {
  let pending = '';
  for await (const bytes of stream) {
    pending += bytes.toString('utf8');
    const lines = pending.split('\n');
    pending = lines.pop() ?? '';
    yield* lines;
  }
}

async function collect(stream: AsyncIterable<Buffer>): Promise<string> {
  let text = '';
  for await (const bytes of stream) text += bytes.toString('utf8');
  return text;
}
