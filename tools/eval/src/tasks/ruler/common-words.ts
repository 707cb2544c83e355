import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import { largestFit } from '../largest-fit.js';
import type { Sample, SamplePlace, Task } from '../task.js';
import { distinctWords } from '../text/words.js';
import { matchAll } from './string-match.js';

const NAME = 'cwe';
const COMMON = 10;
const ANSWER_TOKENS = 120;

/** How often common and other words are listed, and the words of the solved example. */
interface Frequencies {
  readonly common: number;
  readonly other: number;
  readonly example: { readonly words: number; readonly common: number; readonly other: number };
}

/** Below this length RULER lists every word less often; so do we where a tokenizer leaves no room for the long lists. */
const SHORT = 4096;
const LONG_LISTS: Frequencies = { common: 30, other: 3, example: { words: 40, common: 10, other: 3 } };
const SHORT_LISTS: Frequencies = { common: 6, other: 1, example: { words: 20, common: 3, other: 1 } };

/** RULER's common words: ten words are listed more often than all others; a solved example comes first. */
export const commonWords: Task = {
  name: NAME,
  available: Number.POSITIVE_INFINITY,
  sample: commonSample,
  score: (answer, { references }) => matchAll(answer, references),
};

function commonSample(place: SamplePlace, codec: PromptCodec): Sample {
  const { length } = place;
  const budget = length - ANSWER_TOKENS;
  const longLists = writer(place, LONG_LISTS);
  const fits = length >= SHORT && codec.count(longLists(COMMON).prompt) <= budget;
  const lists = fits ? longLists : writer(place, SHORT_LISTS);
  const count = (units: number): number => codec.count(lists(units).prompt);
  const { prompt, common } = lists(largestFit({ task: NAME, budget, least: COMMON, count }));
  return { prompt, tokenIds: codec.encode(prompt), references: common, answerTokens: ANSWER_TOKENS };
}

/** @returns what writes a prompt with so many words beside the common ones. */
function writer({ seed, length, index }: SamplePlace, frequencies: Frequencies) {
  const origin = [seed, NAME, length, index] as const;
  const example = wordList(new Draws(...origin, 'example'), frequencies.example.words, frequencies.example);
  const solved = `${question(example.context)}\n${ANSWER_START} ${numbered(example.common)}`;
  return (units: number): { prompt: TaskPrompt; common: readonly string[] } => {
    const { common, context } = wordList(new Draws(...origin, units), COMMON + units, frequencies);
    return { common, prompt: { text: `${solved}\n${question(context)}`, answerPrefix: ANSWER_START } };
  };
}

const ANSWER_START = `Answer: The ${COMMON} words that are in the list most often are:`;

function question(context: string): string {
  return (
    'Here is a numbered list of words. Some of them are in it more often than others. ' +
    `Keep those that are in it most often in mind.\n${context}\n` +
    `Question: Which ${COMMON} words are in the list above most often?`
  );
}

function wordList(draws: Draws, words: number, often: { common: number; other: number }) {
  const drawn = distinctWords(draws, words);
  const common = drawn.slice(0, COMMON);
  const entries = drawn.flatMap((word, i) =>
    Array.from({ length: i < COMMON ? often.common : often.other }, () => word),
  );
  return { common, context: numbered(draws.shuffled(entries)) };
}

function numbered(words: readonly string[]): string {
  return words.map((word, i) => `${i + 1}. ${word}`).join(' ');
}
