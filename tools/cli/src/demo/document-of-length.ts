import { needleDocument, type NeedleDocument } from '@longhaul/testing';
import type { Connection } from '../with-client.js';

/** Tokens of the answer to one question. */
export const ANSWER_TOKENS = 48;
/** How close to the wanted length a document has to come. */
const LENGTH_TOLERANCE = 0.02;
/** Room for the question and the chat template. */
const QUESTION_TOKENS = 64;
const ATTEMPTS = 6;

export interface WantedDocument {
  readonly tokens: number;
  readonly questions: number;
  readonly seed: number;
}

/** A document whose token count is within two percent of the wanted one, found by counting with the server's tokenizer. */
export async function documentOfLength(connection: Connection, wanted: WantedDocument): Promise<NeedleDocument> {
  let words = Math.floor(wanted.tokens / 1.5);
  let document = needleDocument(words, wanted.questions, wanted.seed);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const count = await countTokens(connection, document.text);
    const room = wanted.tokens - ANSWER_TOKENS - QUESTION_TOKENS;
    if (count <= room && count >= room * (1 - LENGTH_TOLERANCE)) break;
    words = Math.floor(words * (room / count) * (1 - LENGTH_TOLERANCE / 2));
    document = needleDocument(words, wanted.questions, wanted.seed);
  }
  return document;
}

async function countTokens({ url, apiKey }: Connection, text: string): Promise<number> {
  const response = await fetch(`${url}/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${apiKey}` },
    body: JSON.stringify({ prompt: text }),
  });
  const body = (await response.json()) as { count?: number; error?: { message: string } };
  if (!response.ok || body.count === undefined)
    throw new Error(body.error?.message ?? `HTTP ${response.status} from /tokenize`);
  return body.count;
}
