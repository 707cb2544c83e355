import type { Draws } from '../../draws/draws.js';
import { ADJECTIVES, NOUNS } from './words.js';

const PEOPLE = [
  'A farmer',
  'The teacher',
  'My neighbor',
  'A young sailor',
  'The old painter',
  'A traveler',
  'Her aunt',
];
const PLACES = ['in the valley', 'near the harbor', 'behind the mill', 'on the coast', 'at the market', 'in our town'];
const TIMES = ['In spring', 'That winter', 'Years later', 'Every morning', 'After the storm', 'Before sunrise'];
const DEEDS = [
  'carried',
  'painted',
  'repaired',
  'measured',
  'sold',
  'counted',
  'watched',
  'cleaned',
  'drew',
  'followed',
];
const IDEAS = ['patience', 'work', 'memory', 'trade', 'craft', 'weather', 'music', 'travel', 'trust', 'learning'];
const REASONS = [
  'because nobody else had asked',
  'although the road was long',
  'while the children slept',
  'as the season required',
  'before anybody could object',
  'so that little would be lost',
];

type Form = (draws: Draws) => string;

const thing: Form = (draws) => `${draws.pick(ADJECTIVES)} ${draws.pick(NOUNS)}`;
const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

const FORMS: readonly Form[] = [
  (d) => `${d.pick(PEOPLE)} ${d.pick(DEEDS)} the ${thing(d)} ${d.pick(PLACES)}.`,
  (d) => `${d.pick(TIMES)}, the ${thing(d)} stood beside a ${thing(d)} ${d.pick(PLACES)}.`,
  (d) => `There is more ${d.pick(IDEAS)} in a ${thing(d)} than most people think.`,
  (d) => `${d.pick(PEOPLE)} once said that ${d.pick(IDEAS)} begins with the ${d.pick(NOUNS)}.`,
  (d) => `They ${d.pick(DEEDS)} a ${thing(d)}, ${d.pick(REASONS)}.`,
  (d) => `${d.pick(TIMES)} we spoke about ${d.pick(IDEAS)} and about the ${thing(d)}.`,
  (d) => `${capital(d.pick(IDEAS))} and ${d.pick(IDEAS)} are not the same, yet the ${d.pick(NOUNS)} needs both.`,
  (d) => `Not one ${d.pick(NOUNS)} ${d.pick(PLACES)} was as ${d.pick(ADJECTIVES)} as the ${d.pick(NOUNS)}.`,
  (d) => `What remains of the ${thing(d)} is a question of ${d.pick(IDEAS)}.`,
];

/** Prose without an end, one sentence at a time: it reads like an essay, tells no fact twice and belongs to nobody. */
export class Essay {
  readonly #draws: Draws;
  readonly #sentences: string[] = [];

  constructor(draws: Draws) {
    this.#draws = draws;
  }

  /** The first sentences; the same ones however many are asked for. */
  sentences(count: number): readonly string[] {
    while (this.#sentences.length < count) this.#sentences.push(this.#draws.pick(FORMS)(this.#draws));
    return this.#sentences.slice(0, count);
  }
}
