import { ANSWERED, refused, type ApiCase } from '../case.js';
import type { Random } from '../random.js';
import { post } from './bodies.js';
import { VOCABULARY } from './fields.js';
import { randomText } from './texts.js';

export function tokenize(random: Random): ApiCase {
  const text = randomText(random, 2000);
  const input = random.chance(0.5) ? { prompt: text } : { messages: [{ role: 'user', content: text }] };
  const rest = random.pick([{}, { return_token_strs: true }, { add_special_tokens: false }, { model: 'needle-3m' }]);
  return post('/tokenize', { ...input, ...rest }, ANSWERED);
}

export function detokenize(random: Random): ApiCase {
  const tokens = Array.from({ length: random.size(1, 500) }, () => random.integer(0, VOCABULARY - 1));
  return post('/detokenize', { tokens }, ANSWERED);
}

const WRONG_TOKENS = [null, 1, 'a', {}, ['1'], [1.5], [-1], [VOCABULARY], [null], [[1]], [2 ** 40]];

export function badTokenRequests(random: Random): ApiCase {
  return random.pick([
    () => post('/detokenize', { tokens: random.pick(WRONG_TOKENS) }, refused('tokens', 400)),
    () => post('/detokenize', {}, refused('tokens', 400)),
    () => post('/tokenize', {}, refused('prompt', 400)),
    () => post('/tokenize', { prompt: random.pick<unknown>([1, {}, [], true]) }, refused('prompt', 400)),
    () => post('/tokenize', { messages: random.pick<unknown>([1, {}, [], 'a', [{}]]) }, refused('messages', 400)),
    () => post('/tokenize', { prompt: 'a', return_token_strs: 1 }, refused('return_token_strs', 400)),
    () => post('/tokenize', { prompt: 'a', unknown_field: 1 }, refused('unknown_field', 400)),
    () => post('/tokenize', { prompt: 'a', model: 'other' }, refused('model', 400, 404)),
  ])();
}
