import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import { largestFit } from '../largest-fit.js';
import type { Sample, SamplePlace, Task } from '../task.js';
import { matchAll } from './string-match.js';

const NAME = 'fwe';
const ANSWER_TOKENS = 50;
const WORD_LETTERS = 6;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';
/** Tokens of a sample for each word of its vocabulary. */
const TOKENS_PER_WORD = 50;
const ALPHA = 2;
/** Riemann's zeta at ALPHA: counts of all ranks together make the whole. */
const ZETA = Math.PI ** 2 / 6;
/** The most frequent word is written as dots, which nobody asks for. */
const DOTS = '...';
const ASKED = 3;
/** Of so many words the fourth rank is still ahead of the fifth. */
const LEAST_WORDS = 60;

/** RULER's frequent words: made-up words of which the rank decides the count (a zeta distribution); the first three are asked for. */
export const frequentWords: Task = {
  name: NAME,
  available: Number.POSITIVE_INFINITY,
  sample: frequentSample,
  score: (answer, { references }) => matchAll(answer, references),
};

function frequentSample({ seed, length, index }: SamplePlace, codec: PromptCodec): Sample {
  const origin = [seed, NAME, length, index] as const;
  const budget = length - ANSWER_TOKENS;
  const draws = new Draws(...origin, 'vocabulary');
  const ranks = Math.max(ASKED + 2, Math.floor(budget / TOKENS_PER_WORD));
  const vocabulary = draws.distinct(ranks, () => draws.letters(WORD_LETTERS, LETTERS));
  vocabulary[0] = DOTS;
  const prompt = (words: number): TaskPrompt => promptOf(codedText(vocabulary, words, new Draws(...origin, words)));
  const count = (words: number): number => codec.count(prompt(words));
  const chosen = prompt(largestFit({ task: NAME, budget, least: LEAST_WORDS, count }));
  return {
    prompt: chosen,
    tokenIds: codec.encode(chosen),
    references: vocabulary.slice(1, 1 + ASKED),
    answerTokens: ANSWER_TOKENS,
  };
}

/** @param words of all ranks together, before counts are rounded down. */
function codedText(vocabulary: readonly string[], words: number, draws: Draws): string {
  const all = vocabulary.flatMap((word, i) =>
    Array.from({ length: Math.floor((words * (i + 1) ** -ALPHA) / ZETA) }, () => word),
  );
  return draws.shuffled(all).join(' ');
}

function promptOf(context: string): TaskPrompt {
  return {
    text:
      `The text below is written in code words. Count how often each one comes. ${context}\n` +
      `Question: Leave the dots '${DOTS}' out of account and explain nothing. ` +
      'Which three code words come most often in the text above?',
    answerPrefix: 'Answer: The three code words that come most often in the text above are:',
  };
}
