import type { PolicyChoice } from '../policies/policy-choice.js';
import type { Task } from '../tasks/task.js';
import type { OutcomePlace } from './outcome.js';

/** Everything that is to be asked. */
export interface Plan {
  readonly policies: readonly PolicyChoice[];
  readonly kvTypes: readonly string[];
  readonly tasks: readonly Task[];
  readonly lengths: readonly number[];
  readonly samples: number;
  readonly seed: number;
}

/** One sample at one KV type. */
export interface Case {
  readonly kv: string;
  readonly length: number;
  readonly task: Task;
  readonly index: number;
}

/** All samples: by KV type, length, task and number. */
export function casesOf({ kvTypes, lengths, tasks, samples }: Plan): Case[] {
  return kvTypes.flatMap((kv) =>
    lengths.flatMap((length) =>
      tasks.flatMap((task) =>
        Array.from({ length: Math.min(samples, task.available) }, (_, index) => ({ kv, length, task, index })),
      ),
    ),
  );
}

export function placeOf({ kv, length, task, index }: Case, { name, denseBelow }: PolicyChoice): OutcomePlace {
  return { policy: name, dense_below: denseBelow, kv, task: task.name, length, sample: index };
}
