import type OpenAI from 'openai';
import { needleDocument, passKeyQuestion, type NeedleDocument } from '@longhaul/testing';
import { integerFlag, parseFlags, refuseWords } from '../flags.js';
import { progressBar } from '../progress-bar.js';
import { CLIENT_FLAGS, withClient, type Connection } from '../with-client.js';

export const DEMO_HELP = `longhaul demo [--tokens 6000] [--questions 3] [--seed 1] [--url URL] [--api-key KEY] [--model NAME] [--weights f32|int8|int4]
  Hides facts in a long document, asks for them, and asks again over the same document to show the prefix cache.
  --tokens: 200 to 1000000, --questions: 2 to 10. Without --url a server is started for the time of the demo.`;

/** Tokens of the answer to one question. */
const ANSWER_TOKENS = 48;
/** How close to the wanted length a document has to come. */
const LENGTH_TOLERANCE = 0.02;

interface Answer {
  text: string;
  promptTokens: number;
  cachedTokens: number;
  completionTokens: number;
  ttftMs: number;
  totalMs: number;
}

/** `longhaul demo`: a table on stdout, progress on stderr. */
export async function demoCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, [...CLIENT_FLAGS, 'tokens', 'questions', 'seed']);
  refuseWords(flags);
  const tokens = integerFlag(flags, 'tokens', { min: 200, max: 1_000_000, default: 6000 });
  const questions = integerFlag(flags, 'questions', { min: 2, max: 10, default: 3 });
  const seed = integerFlag(flags, 'seed', { min: 0, max: 2 ** 31, default: 1 });
  await withClient(
    flags,
    async (connection) => {
      const document = await documentOfLength(connection, { tokens, questions, seed });
      console.log(
        `model ${connection.model}, a document of about ${tokens} tokens with ${questions} pass keys in it\n`,
      );
      let right = 0;
      for (const [index, { name, key }] of document.passKeys.entries()) {
        const question = passKeyQuestion(name);
        const answer = await askOver(connection, document.text, question, index === 0 ? tokens : null);
        const correct = answer.text.includes(key);
        right += correct ? 1 : 0;
        report(question, answer, correct);
      }
      console.log(`${right} of ${document.passKeys.length} answers are right`);
    },
    tokens + 1024,
  );
}

function report(question: string, answer: Answer, correct: boolean): void {
  const decodeMs = answer.totalMs - answer.ttftMs;
  const perSecond = decodeMs > 0 ? ((answer.completionTokens - 1) / decodeMs) * 1000 : 0;
  const computed = answer.promptTokens - answer.cachedTokens;
  console.log(`Q  ${question}\nA  ${answer.text.trim()}   ${correct ? '(right)' : '(wrong)'}`);
  console.log(
    `   prompt ${answer.promptTokens} tokens, ${answer.cachedTokens} from the prefix cache, ${computed} computed; ` +
      `first token after ${(answer.ttftMs / 1000).toFixed(2)} s; ${perSecond.toFixed(1)} tokens/s after it\n`,
  );
}

/** A document whose token count is within two percent of the wanted one, found by counting with the server's tokenizer. */
async function documentOfLength(
  connection: Connection,
  wanted: { tokens: number; questions: number; seed: number },
): Promise<NeedleDocument> {
  let words = Math.floor(wanted.tokens / 1.5);
  let document = needleDocument(words, wanted.questions, wanted.seed);
  for (let attempt = 0; attempt < 6; attempt++) {
    const count = await countTokens(connection, document.text);
    const room = wanted.tokens - ANSWER_TOKENS - 64;
    if (count <= room && count >= room * (1 - LENGTH_TOLERANCE)) break;
    words = Math.floor(words * (room / count) * (1 - LENGTH_TOLERANCE / 2));
    document = needleDocument(words, wanted.questions, wanted.seed);
  }
  return document;
}

async function countTokens({ url, apiKey }: Connection, text: string): Promise<number> {
  const response = await fetch(`${url}/tokenize`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: `Bearer ${apiKey}`,
    },
    body: JSON.stringify({ prompt: text }),
  });
  const body = (await response.json()) as { count?: number; error?: { message: string } };
  if (!response.ok || body.count === undefined)
    throw new Error(body.error?.message ?? `HTTP ${response.status} from /tokenize`);
  return body.count;
}

/** @param prefillTokens draws a bar that watches the server's own counter of computed prompt tokens; null draws none. */
async function askOver(
  { client, model, url }: Connection,
  document: string,
  question: string,
  prefillTokens: number | null,
): Promise<Answer> {
  const messages: OpenAI.Chat.ChatCompletionMessageParam[] = [{ role: 'user', content: `${document}\n${question}` }];
  const started = performance.now();
  const watch = prefillTokens === null ? null : watchPrefill(url, prefillTokens);
  const stream = await client.chat.completions.create({
    model,
    messages,
    stream: true,
    stream_options: { include_usage: true },
    temperature: 0,
    max_tokens: ANSWER_TOKENS,
  });
  const answer: Answer = { text: '', promptTokens: 0, cachedTokens: 0, completionTokens: 0, ttftMs: 0, totalMs: 0 };
  for await (const chunk of stream) {
    const piece = chunk.choices[0]?.delta.content ?? '';
    if (piece && answer.ttftMs === 0) {
      answer.ttftMs = performance.now() - started;
      watch?.();
    }
    answer.text += piece;
    if (chunk.usage) {
      answer.promptTokens = chunk.usage.prompt_tokens;
      answer.cachedTokens = chunk.usage.prompt_tokens_details?.cached_tokens ?? 0;
      answer.completionTokens = chunk.usage.completion_tokens;
    }
  }
  watch?.();
  answer.totalMs = performance.now() - started;
  return answer;
}

const STEP_TOKENS = /^longhaul_step_tokens_sum(?:\{[^}]*\})? (\S+)/m;

/** Polls the sum of tokens computed in steps; the returned function ends it. */
function watchPrefill(url: string, tokens: number): () => void {
  const bar = progressBar('Reading the document', (amount) => `${Math.round(amount)} tokens`);
  let first: number | null = null;
  let running = true;
  const poll = async () => {
    while (running) {
      const text = await fetch(`${url}/metrics`)
        .then((response) => response.text())
        .catch(() => '');
      const value = Number(STEP_TOKENS.exec(text)?.[1] ?? Number.NaN);
      if (running && Number.isFinite(value)) {
        first ??= value;
        bar.update(Math.min(tokens, value - first), tokens);
      }
      await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };
  void poll();
  return () => {
    if (!running) return;
    running = false;
    // The document has been read when the first token comes, whatever the last look at the counter said.
    bar.update(tokens, tokens);
    bar.finish();
  };
}
