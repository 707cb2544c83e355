import { ANSWERED, EITHER, refused, type ApiCase } from '../case.js';
import type { Random } from '../random.js';
import { anyApi, PATHS, post, smallBody } from './bodies.js';
import { VOCABULARY } from './fields.js';
import { LONE_SURROGATES, randomText } from './texts.js';

/** Texts of every kind as content, prompt, stop string and salt. */
export function oddTexts(random: Random): ApiCase {
  const api = anyApi(random);
  const text = randomText(random);
  const input = api === 'chat' ? { messages: [{ role: 'user', content: text }] } : { prompt: text };
  return post(
    PATHS[api],
    { ...smallBody(api), ...input, stop: randomText(random), cache_salt: randomText(random) },
    ANSWERED,
  );
}

/** JSON can say half of a pair of code units; no text has it. */
export function halfCharacters(random: Random): ApiCase {
  const api = anyApi(random);
  const text = random.pick(LONE_SURROGATES);
  const fields = [{ stop: text }, { cache_salt: text }, { user: text }, { model: text }, { [text]: 1 }];
  const input = api === 'chat' ? { messages: [{ role: 'user', content: text }] } : { prompt: text };
  return post(PATHS[api], { ...smallBody(api), ...random.pick([input, ...fields]) }, EITHER);
}

const PROMPTS = [
  null,
  ...[1, true, {}, { text: 'a' }, '', [], [''], [[]], [[], []], [null], [{}], ['a', 1], [1, 'a'], [[1], 'a'], [[1.5]]],
  ...[[-1], [VOCABULARY], [2 ** 31], [2 ** 53], [[0], [VOCABULARY]], [[[1]]], Array.from({ length: 40 }, () => 'a')],
];

export function badPrompts(random: Random): ApiCase {
  return post(PATHS.completions, { ...smallBody('completions'), prompt: random.pick(PROMPTS) }, refused('prompt', 400));
}

const user = { role: 'user', content: 'The river' };
const MESSAGES = [
  ...[null, 1, 'a', true, {}, [], [null], ['a'], [1], [[]], [{}]],
  ...[
    [{ role: 'user' }],
    [{ content: 'a' }],
    [{ ...user, role: 'robot' }],
    [{ ...user, role: 1 }],
    [{ ...user, role: '' }],
  ],
  ...[[{ ...user, content: 1 }], [{ ...user, content: {} }], [{ ...user, content: [1] }]],
  ...[
    [{ ...user, content: [{}] }],
    [{ ...user, content: [{ type: 'text' }] }],
    [{ ...user, content: [{ type: 'text', text: 1 }] }],
  ],
  [{ ...user, content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] }],
  [{ ...user, content: [{ type: 'input_audio', input_audio: { data: '', format: 'wav' } }] }],
  ...[[{ ...user, unknown_field: 1 }], [user, null], [user, { role: 'user', content: 5 }]],
];

export function badMessages(random: Random): ApiCase {
  return post(PATHS.chat, { ...smallBody('chat'), messages: random.pick(MESSAGES) }, refused('messages', 400));
}

/** Token ids instead of text, several prompts at once, and long ones. */
export function legalPrompts(random: Random): ApiCase {
  const ids = () => Array.from({ length: random.size(1, 100) }, () => random.integer(0, VOCABULARY - 1));
  const texts = () => Array.from({ length: random.integer(1, 4) }, () => randomText(random));
  const lists = () => Array.from({ length: random.integer(1, 3) }, ids);
  const prompt = random.pick([ids, texts, lists])();
  return post(PATHS.completions, { ...smallBody('completions'), prompt, echo: random.chance(0.2) }, ANSWERED);
}

/** What does not fit is refused with the field that is too large, never cut. */
export function tooLong(random: Random): ApiCase {
  const tokens = Array.from({ length: random.integer(2000, 6000) }, () => random.integer(0, VOCABULARY - 1));
  const [body, field] = random.pick([
    [{ prompt: tokens }, 'prompt'],
    [{ max_tokens: random.integer(100_000, 2 ** 31 - 1) }, 'max_tokens'],
  ] as const);
  return post(PATHS.completions, { ...smallBody('completions'), ...body }, refused(field, 400));
}

export function unknownModel(random: Random): ApiCase {
  const api = anyApi(random);
  const model = random.pick([
    'gpt-4o',
    '',
    '../needle-3m',
    'NEEDLE-3M',
    `needle-3m${randomText(random)}`,
    'x'.repeat(5000),
  ]);
  return post(PATHS[api], { ...smallBody(api), model }, refused('model', 400, 404));
}
