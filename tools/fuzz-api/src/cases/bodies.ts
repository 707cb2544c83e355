import type { Expectation, HttpCase } from '../case.js';
import { jsonText } from '../json-text.js';
import type { Random } from '../random.js';
import type { Api, FieldRule } from './fields.js';

export type Body = Record<string, unknown>;

export const PATHS: Readonly<Record<Api, string>> = { chat: '/v1/chat/completions', completions: '/v1/completions' };
const JSON_HEADERS = { 'content-type': 'application/json' };

/** A small request that has to be answered. */
export function smallBody(api: Api): Body {
  const prompt = api === 'chat' ? { messages: [{ role: 'user', content: 'The river' }] } : { prompt: 'The river' };
  return { model: 'needle-3m', ...prompt, max_tokens: 1 };
}

export function anyApi(random: Random): Api {
  return random.pick(['chat', 'completions'] as const);
}

/** The fields of one of the APIs. */
export function fieldsOf<T extends Pick<FieldRule, 'api'>>(rules: readonly T[], api: Api): readonly T[] {
  return rules.filter((rule) => rule.api === undefined || rule.api === api);
}

/** A POST of a JSON value. */
export function post(path: string, body: unknown, expect: Expectation): HttpCase {
  return postText(path, jsonText(body), expect);
}

/** A POST of anything that is said to be JSON. */
export function postText(path: string, body: string | Buffer, expect: Expectation): HttpCase {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return { transport: 'http', method: 'POST', path, headers: JSON_HEADERS, body: bytes, cancelAfterMs: null, expect };
}
