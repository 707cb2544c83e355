/** A request that is as bad as the limits allow. */
export interface BodyCase {
  readonly name: string;
  readonly path: string;
  /** Made when it is sent: thirty megabytes each. */
  body(): string;
}

const MEGABYTES = 30;
const UNITS = MEGABYTES * 1_000_000;
const IDS = 4_000_000;
const DECODED_IDS = 2 ** 20;
const MESSAGES = 4096;

const fill = (part: string, bytesPerPart = Buffer.byteLength(part)): string =>
  part.repeat(Math.floor(UNITS / bytesPerPart));
const json = (fields: object): string => JSON.stringify(fields);
const chat = (content: string): string => json({ messages: [{ role: 'user', content }], max_tokens: 1 });

function tokenize(name: string, text: string): BodyCase {
  return { name: `tokenize: ${name}`, path: '/tokenize', body: () => json({ prompt: text, return_token_strs: true }) };
}

/** The worst bodies that were thought of, for every endpoint that takes one. */
export const BODY_CASES: readonly BodyCase[] = [
  tokenize('words, with token strings', fill('some words of a text ')),
  tokenize('digits, with token strings', fill('7')),
  tokenize('spaces', fill(' ')),
  tokenize('line ends', fill('\n', 2)),
  tokenize('letters without a break', fill('a')),
  tokenize('combining marks', fill('\u0316\u0301')),
  tokenize('a ligature that grows', fill('\ufdfa')),
  tokenize('control tokens', fill('<|im_start|>')),
  tokenize('escapes', fill('\u0001', 6)),
  { name: 'chat: control tokens repeated', path: '/v1/chat/completions', body: () => chat(fill('<|im_start|>')) },
  { name: 'chat: private-use characters', path: '/v1/chat/completions', body: () => chat(fill('\ue000')) },
  { name: 'chat: words', path: '/v1/chat/completions', body: () => chat(fill('some words of a text ')) },
  {
    name: 'chat: 4,096 messages',
    path: '/v1/chat/completions',
    body: () =>
      json({ messages: Array.from({ length: MESSAGES }, () => ({ role: 'user', content: 'w '.repeat(3000) })) }),
  },
  {
    name: 'completions: token ids',
    path: '/v1/completions',
    body: () => json({ prompt: new Array<number>(IDS).fill(1), max_tokens: 1 }),
  },
  {
    name: 'completions: too many token ids',
    path: '/v1/completions',
    body: () => `{"prompt":[${fill('1,')}1]}`,
  },
  {
    name: 'completions: words',
    path: '/v1/completions',
    body: () => json({ prompt: fill('some words of a text '), max_tokens: 1 }),
  },
  {
    name: 'detokenize: 2^20 ids',
    path: '/detokenize',
    body: () => json({ tokens: new Array<number>(DECODED_IDS).fill(300) }),
  },
  { name: 'empty objects', path: '/v1/completions', body: () => `[${fill('{},')}{}]` },
  { name: 'nested lists', path: '/v1/completions', body: () => `{"prompt":${fill('[')}` },
  {
    name: 'unknown fields',
    path: '/v1/completions',
    body: () => json(Object.fromEntries(Array.from({ length: 99_999 }, (_, i) => [`field ${i}`, i]))),
  },
];
