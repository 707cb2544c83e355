import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import type { Origin } from '../insert-all.js';
import { largestFit } from '../largest-fit.js';
import type { Sample, SamplePlace, Task } from '../task.js';
import {
  drawPart,
  essayHaystack,
  needleHaystack,
  needleSentence,
  noiseHaystack,
  type Haystack,
  type NeedlePart,
} from './needle-haystack.js';
import { matchAll } from './string-match.js';

interface NeedleShape {
  readonly name: string;
  readonly haystack: 'noise' | 'essay' | 'needles';
  readonly keyPart: NeedlePart;
  readonly valuePart: NeedlePart;
  readonly keys: number;
  readonly valuesPerKey: number;
  readonly queries: number;
}

const ONE = { keys: 1, valuesPerKey: 1, queries: 1 } as const;
const WORD_TO_NUMBER = { keyPart: 'words', valuePart: 'numbers' } as const;

/** Needle tasks of RULER (arXiv:2404.06654, section 3.1 and appendix B). */
const SHAPES: readonly NeedleShape[] = [
  { name: 'niah_single_1', haystack: 'noise', ...WORD_TO_NUMBER, ...ONE },
  { name: 'niah_single_2', haystack: 'essay', ...WORD_TO_NUMBER, ...ONE },
  { name: 'niah_single_3', haystack: 'essay', keyPart: 'words', valuePart: 'uuids', ...ONE },
  { name: 'niah_multikey_1', haystack: 'essay', ...WORD_TO_NUMBER, ...ONE, keys: 4 },
  { name: 'niah_multikey_2', haystack: 'needles', ...WORD_TO_NUMBER, ...ONE },
  { name: 'niah_multikey_3', haystack: 'needles', keyPart: 'uuids', valuePart: 'uuids', ...ONE },
  { name: 'niah_multivalue', haystack: 'essay', ...WORD_TO_NUMBER, ...ONE, valuesPerKey: 4 },
  { name: 'niah_multiquery', haystack: 'essay', ...WORD_TO_NUMBER, keys: 4, valuesPerKey: 1, queries: 4 },
];

const ANSWER_TOKENS = 128;

/** The eight needle-in-a-haystack tasks. */
export const needleTasks: readonly Task[] = SHAPES.map((shape) => ({
  name: shape.name,
  available: Number.POSITIVE_INFINITY,
  sample: (place, codec) => needleSample(shape, place, codec),
  score: (answer, { references }) => matchAll(answer, references),
}));

function needleSample(shape: NeedleShape, { seed, length, index }: SamplePlace, codec: PromptCodec): Sample {
  const origin: Origin = [seed, shape.name, length, index];
  const { keys, values, sentences } = drawNeedles(shape, new Draws(...origin, 'needles'));
  const haystack = haystackOf(shape, origin, keys);
  const asked = new Draws(...origin, 'queries').shuffled(keys.map((_, i) => i)).slice(0, shape.queries);
  const query = listed(asked.map((key) => keys[key] ?? ''));
  const prompt = (units: number): TaskPrompt => promptOf(shape, query, haystack.write(units, sentences));
  const units = largestFit({
    task: shape.name,
    budget: length - ANSWER_TOKENS,
    least: haystack.least(sentences.length),
    count: (count) => codec.count(prompt(count)),
  });
  const chosen = prompt(units);
  const references = asked.flatMap((key) => values[key] ?? []);
  return { prompt: chosen, tokenIds: codec.encode(chosen), references, answerTokens: ANSWER_TOKENS };
}

function drawNeedles({ keys, keyPart, valuePart, valuesPerKey }: NeedleShape, draws: Draws) {
  const names = draws.distinct(keys, () => drawPart(draws, keyPart));
  const all = draws.distinct(keys * valuesPerKey, () => drawPart(draws, valuePart));
  const values = names.map((_, key) => all.slice(key * valuesPerKey, (key + 1) * valuesPerKey));
  const sentences = names.flatMap((key, i) =>
    (values[i] ?? []).map((value) => needleSentence(valuePart, { key, value })),
  );
  return { keys: names, values, sentences: draws.shuffled(sentences) };
}

function haystackOf({ haystack, keyPart, valuePart }: NeedleShape, origin: Origin, taken: readonly string[]): Haystack {
  switch (haystack) {
    case 'noise':
      return noiseHaystack(origin);
    case 'essay':
      return essayHaystack(origin);
    case 'needles':
      return needleHaystack(origin, { keys: keyPart, values: valuePart, taken });
  }
}

function promptOf({ valuePart, valuesPerKey, queries }: NeedleShape, query: string, context: string): TaskPrompt {
  if (valuesPerKey * queries === 1) {
    const one = valuePart.slice(0, -1);
    return {
      text:
        `A special magic ${one} is hidden in the text below. Keep it in mind, you will be asked for it.\n` +
        `${context}\nWhat is the special magic ${one} for ${query} in the text above?`,
      answerPrefix: `The special magic ${one} for ${query} in the text above is`,
    };
  }
  return {
    text:
      `Some special magic ${valuePart} are hidden in the text below. Keep them in mind, you will be asked for them.\n` +
      `${context}\nWhat are all the special magic ${valuePart} for ${query} in the text above?`,
    answerPrefix: `The special magic ${valuePart} for ${query} in the text above are`,
  };
}

function listed(names: readonly string[]): string {
  return names.length > 1 ? `${names.slice(0, -1).join(', ')}, and ${names.at(-1) ?? ''}` : (names[0] ?? '');
}
