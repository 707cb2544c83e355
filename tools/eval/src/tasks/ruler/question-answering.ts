import { Draws } from '../../draws/draws.js';
import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import { largestFit } from '../largest-fit.js';
import type { Sample, SamplePlace, Task } from '../task.js';
import type { QuestionRecord, QuestionSet } from './question-records.js';
import { matchPart } from './string-match.js';

const ANSWER_TOKENS = 32;

/** RULER's question answering: the documents that answer a question among as many others as fit. */
export function questionAnswering(name: 'qa_1' | 'qa_2', set: QuestionSet): Task {
  return {
    name,
    available: set.records.length,
    sample: (place, codec) => questionSample({ name, set }, place, codec),
    score: (answer, { references }) => matchPart(answer, references),
  };
}

function questionSample(
  { name, set }: { name: string; set: QuestionSet },
  { seed, length, index }: SamplePlace,
  codec: PromptCodec,
): Sample {
  const order = new Draws(seed, name, 'order').shuffled(set.records);
  const record = order[index];
  if (record === undefined) throw new RangeError(`${name} has ${order.length} questions.`);
  const origin = [seed, name, length, index] as const;
  const ranked = byNearness(record, set, new Draws(...origin, 'documents'));
  const prompt = (units: number): TaskPrompt => {
    const chosen = new Draws(...origin, 'places', units).shuffled(ranked.slice(0, units));
    return promptOf(
      record.question,
      chosen.map((number) => set.documents[number] ?? ''),
    );
  };
  const units = largestFit({
    task: name,
    budget: length - ANSWER_TOKENS,
    least: record.gold.length,
    most: ranked.length,
    count: (documents) => codec.count(prompt(documents)),
  });
  const chosen = prompt(units);
  return { prompt: chosen, tokenIds: codec.encode(chosen), references: record.answers, answerTokens: ANSWER_TOKENS };
}

/** Gold documents, then those that are like them, then all others; each group in a random order. */
function byNearness({ gold, near }: QuestionRecord, { documents }: QuestionSet, draws: Draws): number[] {
  const named = new Set([...gold, ...near]);
  const others = documents.map((_, i) => i).filter((number) => !named.has(number));
  return [...gold, ...draws.shuffled(near), ...draws.shuffled(others)];
}

function promptOf(question: string, documents: readonly string[]): TaskPrompt {
  const instruction = 'Answer the question from the documents. Write the answer alone and nothing else.';
  const context = documents.map((document, i) => `Document ${i + 1}:\n${document}`).join('\n\n');
  return {
    text: `${instruction}\n\nThe documents:\n\n${context}\n\n${instruction}\n\nQuestion: ${question}`,
    answerPrefix: 'Answer:',
  };
}
