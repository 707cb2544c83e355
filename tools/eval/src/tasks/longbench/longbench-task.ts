import type { PromptCodec, TaskPrompt } from '../../prompt/prompt-codec.js';
import type { Sample, SamplePlace, Scored, Task } from '../task.js';
import { cutToFit } from './cut-middle.js';
import type { Dataset } from './datasets.js';
import type { BenchRecord } from './records.js';

export const LONGBENCH_PREFIX = 'lb_';

/**
 * A data set of a local file. Samples are its records in their order; a length is the bound that longer ones are cut to.
 *
 * @param template in place of our own words; `{context}` and `{input}` stand for the record's.
 */
export function longbenchTask(dataset: Dataset, records: readonly BenchRecord[], template?: string): Task {
  return {
    name: LONGBENCH_PREFIX + dataset.name,
    available: records.length,
    sample: (place, codec) => recordSample({ dataset, records, template: template ?? dataset.prompt }, place, codec),
    score: (answer, sample) => scoreOf(dataset, answer, sample),
  };
}

interface Source {
  readonly dataset: Dataset;
  readonly records: readonly BenchRecord[];
  readonly template: string;
}

function recordSample({ dataset, records, template }: Source, place: SamplePlace, codec: PromptCodec): Sample {
  const { name, answerTokens, plain, stop } = dataset;
  const record = records[place.index];
  if (record === undefined) throw new RangeError(`${name} has ${records.length} records.`);
  const whole: TaskPrompt = {
    text: filled(template, record),
    answerPrefix: '',
    ...(plain === undefined ? {} : { plain }),
  };
  const prompt = cutToFit(whole, place.length - answerTokens, codec);
  return {
    prompt,
    tokenIds: codec.encode(prompt),
    references: record.answers,
    classes: record.classes,
    answerTokens,
    ...(stop === undefined ? {} : { stop }),
  };
}

/** Braces in a record stay as they are. */
function filled(template: string, { context, input }: BenchRecord): string {
  return template.replace(/\{(context|input)\}/g, (_, field) => (field === 'context' ? context : input));
}

/** The best over all references. */
function scoreOf({ score, firstLine }: Dataset, answer: string, { references, classes = [] }: Scored): number {
  const text = firstLine === true ? (answer.replace(/^\n+/, '').split('\n')[0] ?? '') : answer;
  return references.reduce((best, reference) => Math.max(best, score(text, reference, { classes })), 0);
}
