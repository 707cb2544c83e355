import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import { largestFit } from '../largest-fit.js';
import type { Sample, SamplePlace, Task } from '../task.js';
import { PairHaystack } from './pairs.js';
import { THREADING_KINDS, type ThreadingKind } from './questions.js';
import { matchValue, matchValues } from './value-match.js';

/** Tokenizers write a UUID in up to forty tokens. */
const VALUE_TOKENS = 64;
const LIST_TOKENS = 320;

/** Needle Threading's tasks; lengths are in tokens, where the paper's are in characters. */
export const threadingTasks: readonly Task[] = THREADING_KINDS.map((kind) => ({
  name: kind.name,
  available: Number.POSITIVE_INFINITY,
  sample: (place, codec) => threadingSample(kind, place, codec),
  score: (answer, { references }) => (kind.list ? matchValues(answer, references) : matchValue(answer, references)),
}));

function threadingSample(
  { name, list, draw }: ThreadingKind,
  { seed, length, index }: SamplePlace,
  codec: PromptCodec,
): Sample {
  const origin = [seed, name, length, index] as const;
  const { needles, placement, question, references } = draw(new Draws(...origin, 'question'));
  const haystack = new PairHaystack(origin, needles, placement);
  const answerTokens = list ? LIST_TOKENS : VALUE_TOKENS;
  const prompt = (units: number): TaskPrompt => ({
    text: `Here is a JSON object.\n${haystack.write(units)}\n${question}`,
    answerPrefix: list ? 'Values:' : 'Value:',
  });
  const units = largestFit({
    task: name,
    budget: length - answerTokens,
    least: haystack.least,
    count: (count) => codec.count(prompt(count)),
  });
  const chosen = prompt(units);
  return { prompt: chosen, tokenIds: codec.encode(chosen), references, answerTokens };
}
