import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import { insertAll, type Origin } from '../insert-all.js';
import { largestFit } from '../largest-fit.js';
import { NOISE } from '../text/noise.js';
import type { Sample, SamplePlace, Task } from '../task.js';
import { matchAll } from './string-match.js';

const NAME = 'vt';
const HOPS = 4;
const ANSWER_TOKENS = 30;
const CAPITALS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ';
/** Noise lines of the solved example: below 500 tokens with any tokenizer that knows words. */
const EXAMPLE_LINES = 8;

interface Chain {
  readonly value: string;
  readonly names: readonly string[];
  readonly lines: readonly string[];
}

/** RULER's variable tracking: one chain of five names that all have one value, spread over noise; one solved example first. */
export const variableTracking: Task = {
  name: NAME,
  available: Number.POSITIVE_INFINITY,
  sample: variableSample,
  score: (answer, { references }) => matchAll(answer, references),
};

function variableSample({ seed, length, index }: SamplePlace, codec: PromptCodec): Sample {
  const origin: Origin = [seed, NAME, length, index];
  const draws = new Draws(...origin, 'chain');
  const example = drawChain(draws, 3);
  const chain = drawChain(draws, 5);
  const solved = solvedExample(example, [...origin, 'example']);
  const prompt = (units: number): TaskPrompt => ({
    text: `${solved}\n\n${question(chain, contextOf(chain, origin, units))}`,
    answerPrefix: answerStart(chain),
  });
  const budget = length - ANSWER_TOKENS;
  const count = (units: number): number => codec.count(prompt(units));
  const units = largestFit({ task: NAME, budget, least: chain.lines.length, count });
  const chosen = prompt(units);
  return {
    prompt: chosen,
    tokenIds: codec.encode(chosen),
    references: chain.names,
    answerTokens: ANSWER_TOKENS,
  };
}

/** @param letters of each name. */
function drawChain(draws: Draws, letters: number): Chain {
  const names = draws.distinct(HOPS + 1, () => draws.letters(letters, CAPITALS));
  const value = draws.number(5);
  const assigned = (name: string, i: number): string =>
    i === 0 ? `VAR ${name} = ${value}` : `VAR ${name} = VAR ${names[i - 1] ?? ''}`;
  return { value, names, lines: names.map(assigned) };
}

/** The chain stays in its order. */
function contextOf({ lines }: Chain, origin: Origin, units: number): string {
  const noise = Array.from({ length: units }, () => NOISE);
  const places = new Draws(...origin, 'places', units).positions(lines.length, units);
  return insertAll(noise, places, lines).join('\n');
}

function question({ value }: Chain, context: string): string {
  return (
    `Some lines of the text below assign values to variables. Follow the assignments.\n\n${context}\n` +
    `Question: Which variables have the value ${value} at the end of the text above?`
  );
}

function answerStart({ value, names }: Chain): string {
  return `Answer: By the assignments in the text above, these ${names.length} variables have the value ${value}:`;
}

function solvedExample(chain: Chain, origin: Origin): string {
  const context = contextOf(chain, origin, EXAMPLE_LINES);
  return `${question(chain, context)}\n${answerStart(chain)} ${chain.names.join(' ')}`;
}
