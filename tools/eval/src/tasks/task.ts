import type { PromptCodec, TaskPrompt } from '../prompt/prompt-codec.js';

/** Which sample of a task is wanted. The same place gives the same sample on every machine. */
export interface SamplePlace {
  readonly seed: number;
  /** Tokens of prompt and answer together, by the model's own tokenizer. */
  readonly length: number;
  /** Number of the sample, from 0. */
  readonly index: number;
}

/** One question: what a model is shown, and what it should have answered. */
export interface Sample {
  readonly prompt: TaskPrompt;
  /** As the model reads it, template included. */
  readonly tokenIds: Int32Array;
  readonly references: readonly string[];
  /** Most tokens of the answer; prompt and answer are never longer than the length that was asked for. */
  readonly answerTokens: number;
  /** Labels that the answer is one of, in a classification. */
  readonly classes?: readonly string[];
  /** Strings that end the answer, beside the model's own end. */
  readonly stop?: readonly string[];
}

/** What a score needs of a sample. */
export type Scored = Pick<Sample, 'references' | 'classes'>;

/** A kind of question with its generator and its scorer. */
export interface Task {
  readonly name: string;
  /** Samples there are: Infinity for generated ones, the number of records for those of a file. */
  readonly available: number;
  /**
   * @throws AppError `LENGTH_TOO_SHORT` where not even the smallest sample fits.
   */
  sample(place: SamplePlace, codec: PromptCodec): Sample;
  /** From 0 to 1. Pure. */
  score(answer: string, sample: Scored): number;
}

/** A task by name: made when it is chosen, as its file may be large. */
export interface TaskEntry {
  readonly name: string;
  /** Null where it needs a file that was not given. */
  readonly make: (() => Task) | null;
  /** The flag that gives its file. */
  readonly option?: string;
  /** Not meant by the name of its group. */
  readonly byNameOnly?: boolean;
}
