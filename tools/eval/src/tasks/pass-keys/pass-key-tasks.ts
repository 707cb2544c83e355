import { needleDocument, passKeyQuestion } from '@longhaul/testing';
import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import { largestFit } from '../largest-fit.js';
import { matchAll } from '../ruler/string-match.js';
import type { Sample, SamplePlace, Task } from '../task.js';

const ANSWER_TOKENS = 32;
/** About a sentence. */
const UNIT_WORDS = 8;

/** One fact in a text, and one of ten. */
export const passKeyTasks: readonly Task[] = [1, 10].map(passKeyTask);

/** Facts in the phrases of the fixture model `needle-3m`, which understands no others: a text with so many, one of which is asked for. */
function passKeyTask(facts: number): Task {
  const name = `pass_key_${facts}`;
  return {
    name,
    available: Number.POSITIVE_INFINITY,
    sample: (place, codec) => passKeySample({ name, facts }, place, codec),
    score: (answer, { references }) => matchAll(answer, references),
  };
}

function passKeySample(
  { name, facts }: { name: string; facts: number },
  { seed, length, index }: SamplePlace,
  codec: PromptCodec,
): Sample {
  const draws = new Draws(seed, name, length, index);
  const [documentSeed, asked] = [draws.below(2 ** 31), draws.below(facts)];
  const documentOf = (units: number) => needleDocument(units * UNIT_WORDS, facts, documentSeed);
  // The same names and keys whatever the length is.
  const fact = documentOf(1).passKeys[asked] ?? { name: '', key: '' };
  const prompt = (units: number): TaskPrompt => ({
    text: `${documentOf(units).text}\n${passKeyQuestion(fact.name)}`,
    answerPrefix: '',
  });
  const budget = length - ANSWER_TOKENS;
  const chosen = prompt(largestFit({ task: name, budget, least: 1, count: (units) => codec.count(prompt(units)) }));
  return { prompt: chosen, tokenIds: codec.encode(chosen), references: [fact.key], answerTokens: ANSWER_TOKENS };
}
