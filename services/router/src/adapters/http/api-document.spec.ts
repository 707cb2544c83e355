import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { requestBounds, samplingFieldNames, samplingRanges, type NumberRange } from '@longhaul/inference';
import { FIELDS_WE_LACK, MESSAGE_FIELDS_WE_LACK } from './asks-for-nothing.js';
import { MESSAGE_FIELDS } from './chat-message-schema.js';
import {
  chatRequestSchema,
  completionRequestSchema,
  detokenizeRequestSchema,
  tokenizeRequestSchema,
} from './openai-schema.js';

const root = new URL('../../../../../', import.meta.url);
const page = readFileSync(new URL('docs/api.md', root), 'utf8');
const words = new Set(page.match(/`[^`\n]+`/gu)?.map((word) => word.slice(1, -1)));

/** Where errors are made that a caller of this API can get. */
const SOURCES = [
  'services/router/src',
  'libs/attention/src',
  'libs/inference/src',
  'libs/engine/src/errors.ts',
  'libs/tokenizer/src/chat-template.ts',
  'libs/text-sandbox/src',
];
/** Made while a server starts or talks with its worker; a caller sees `internal` or `not_ready` instead. */
const NOT_FOR_CALLERS = new Set([
  ...['CHAT_TEMPLATE_UNREADABLE', 'TOKENIZER_TOO_LARGE', 'CONSUMER_STALLED', 'REQUEST_ID_IN_USE', 'CANCELLED'],
  ...['UNAVAILABLE', 'DISCONNECTED', 'ATTENTION_DEFAULT_IMPOSSIBLE', 'ATTENTION_ARTEFACT'],
]);

function reasonsIn(source: string): string[] {
  const reasons = source.matchAll(
    /reason: '([A-Z_]+)'|edgeError\(\s*'[A-Z_]+',\s*'([A-Z_]+)'|(?:unavailable|rejected)\('([A-Z_]+)'/gu,
  );
  return [...reasons].map(([, named, edge, passed]) => named ?? edge ?? passed ?? '');
}

function sourcesBelow(path: string): string[] {
  const url = new URL(path, root);
  if (path.endsWith('.ts')) return [readFileSync(url, 'utf8')];
  const files = readdirSync(url, { recursive: true, encoding: 'utf8' });
  const own = files.filter((file) => file.endsWith('.ts') && !file.endsWith('.spec.ts'));
  return own.map((file) => readFileSync(new URL(`${path}/${file}`, root), 'utf8'));
}

describe('the API page', () => {
  it.each([
    ['chat', chatRequestSchema.shape],
    ['completions', completionRequestSchema.shape],
    ['tokenize', tokenizeRequestSchema.shape],
    ['detokenize', detokenizeRequestSchema.shape],
    ['messages', MESSAGE_FIELDS],
    ['what we lack', FIELDS_WE_LACK],
    ['what we lack in messages', MESSAGE_FIELDS_WE_LACK],
  ])('names every field of %s', (_, fields) => {
    expect(Object.keys(fields).filter((field) => !words.has(field))).toEqual([]);
  });

  it('has the ranges that are checked', () => {
    for (const [key, range] of Object.entries(samplingRanges) as [keyof typeof samplingRanges, NumberRange][]) {
      const row = page
        .split('\n')
        .find((line) => line.startsWith('|') && line.includes(`\`${samplingFieldNames[key]}\``));
      expect(row).toContain(`${range.open ? '(' : '['}${range.least}, ${range.most}]`);
    }
    expect(page).toContain(`| \`n\` | 1 to ${requestBounds.choices}, 1 |`);
    expect(page).toContain(
      `| \`stop\` | up to ${requestBounds.stopStrings} strings of 1 to ${requestBounds.stopStringCharacters} characters |`,
    );
    expect(page).toContain(`| \`stop_token_ids\` | up to ${requestBounds.stopTokens} token ids |`);
    expect(page).toContain(`| \`top_logprobs\` | 0 to ${requestBounds.logprobs} |`);
  });

  it('has every error that a caller can get', () => {
    const reasons = new Set(SOURCES.flatMap(sourcesBelow).flatMap(reasonsIn));
    expect(reasons.size).toBeGreaterThan(20);
    const missing = [...reasons].filter((reason) => !words.has(reason.toLowerCase()) && !NOT_FOR_CALLERS.has(reason));
    expect(missing).toEqual([]);
  });
});
