/**
 * Text that the fixture model `needle-3m` understands: filler sentences with facts hidden among them. The model knows
 * these phrases and no others.
 */

const NOUNS = (
  'river stone garden letter window market teacher engine forest paper bridge winter doctor signal harbor circle planet ' +
  'kitchen mirror pencil desert station ladder shadow village copper thunder valley blanket candle island basket lantern ' +
  'saddle meadow anchor feather hammer orchard carpet'
).split(' ');
const VERBS = (
  'carried opened followed painted counted repaired watched lifted moved found measured sold cleaned studied crossed ' +
  'noticed copied turned hid answered'
).split(' ');
const ADJECTIVES = (
  'old small bright heavy quiet green narrow early broken hidden warm distant simple golden empty loud gentle strange ' +
  'sharp cold'
).split(' ');

/** A small seeded generator (mulberry32): the same seed gives the same corpus on every machine. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function pick<T>(random: () => number, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)] as T;
}

function fillerSentence(random: () => number): string {
  const noun = () => pick(random, NOUNS);
  const adjective = () => pick(random, ADJECTIVES);
  const verb = () => pick(random, VERBS);
  const forms = [
    () => `The ${adjective()} ${noun()} ${verb()} the ${noun()}.`,
    () => `A ${noun()} near the ${adjective()} ${noun()} was ${adjective()} and ${adjective()}.`,
    () => `They ${verb()} the ${noun()} and ${verb()} a ${adjective()} ${noun()}.`,
    () => `Every ${noun()} is ${adjective()} when the ${noun()} is ${adjective()}.`,
  ];
  return pick(random, forms)();
}

function personName(random: () => number): string {
  const syllable = () => pick(random, [...'bdfgklmnprstvz']) + pick(random, [...'aeiou']);
  const name = syllable() + syllable() + pick(random, ['n', 'r', 'l', 's', '']) + (random() < 0.6 ? syllable() : '');
  return name.charAt(0).toUpperCase() + name.slice(1);
}

export interface PassKey {
  name: string;
  key: string;
}

export interface NeedleDocument {
  text: string;
  passKeys: readonly PassKey[];
}

/**
 * A document of about `words` words with `passKeys` pass keys spread over it.
 *
 * @param words about 1.5 tokens each in the model's own vocabulary.
 */
export function needleDocument(words: number, passKeys: number, seed: number): NeedleDocument {
  const random = seededRandom(seed);
  const keys: PassKey[] = [];
  while (keys.length < passKeys) {
    const name = personName(random);
    if (keys.some((other) => other.name === name)) continue;
    keys.push({ name, key: String(10_000 + Math.floor(random() * 90_000)) });
  }
  const sentences: string[] = [];
  for (let count = 0; count < words;) {
    const sentence = fillerSentence(random);
    sentences.push(sentence);
    count += sentence.split(' ').length;
  }
  keys.forEach(({ name, key }, i) => {
    const at = Math.floor(((i + random()) / keys.length) * sentences.length);
    sentences.splice(at, 0, `Remember: the pass key of ${name} is ${key}.`);
  });
  return { text: sentences.join(' '), passKeys: keys };
}

/** The question in the model's own phrasing; the answer is `The pass key of <name> is <key>.` */
export function passKeyQuestion(name: string): string {
  return `What is the pass key of ${name}?`;
}
