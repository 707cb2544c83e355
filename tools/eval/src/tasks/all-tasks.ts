import { invalidArgument } from '@longhaul/kernel';
import { readJson } from './json-file.js';
import { longbenchEntries, type LongbenchFiles } from './longbench/longbench-entries.js';
import { passKeyTasks } from './pass-keys/pass-key-tasks.js';
import { questionAnswering } from './ruler/question-answering.js';
import { readHotpot, readSquad } from './ruler/question-records.js';
import { generatedRulerTasks } from './ruler/ruler-tasks.js';
import type { Task, TaskEntry } from './task.js';
import { threadingTasks } from './threading/threading-tasks.js';

/** Local files that some tasks read. */
export interface TaskFiles extends LongbenchFiles {
  readonly qa1: string | null;
  readonly qa2: string | null;
}

/** The tasks of a run, and those that were left out because their files were not given. */
export interface ChosenTasks {
  readonly tasks: readonly Task[];
  /** A line for each. */
  readonly skipped: readonly string[];
}

/**
 * The tasks that names of tasks and groups stand for, each once, in the order of the groups.
 *
 * @throws AppError `INVALID_ARGUMENT` naming what is no task; `BAD_QUESTIONS`, `BAD_RECORDS` or `BAD_FILE` for files that
 *   are not as they should be; `UNSUPPORTED_TASK` for one that cannot be scored.
 */
export function chooseTasks(names: readonly string[], files: TaskFiles): ChosenTasks {
  const groups = groupsOf(files);
  refuseUnknown(names, groups);
  const chosen = Object.entries(groups).flatMap(([group, entries]) =>
    entries.filter(({ name, byNameOnly }) => names.includes(name) || (names.includes(group) && byNameOnly !== true)),
  );
  const tasks = chosen.flatMap(({ make }) => make?.() ?? []);
  const missing = chosen.filter(({ make }) => make === null);
  if (tasks.length === 0 && missing.length > 0) {
    const { name, option = '' } = missing[0] ?? { name: '' };
    throw invalidArgument('--tasks', `--tasks: nothing is left to ask: ${name} needs ${option}.`);
  }
  return {
    tasks,
    skipped: missing.map(({ name, option = '' }) => `${name} is left out: it reads a file, see ${option}`),
  };
}

function groupsOf(files: TaskFiles): Record<string, readonly TaskEntry[]> {
  return {
    ruler: [...generatedRulerTasks.map(ready), ...questionEntries(files)],
    threading: threadingTasks.map(ready),
    'pass-keys': passKeyTasks.map(ready),
    longbench: longbenchEntries(files),
  };
}

function refuseUnknown(names: readonly string[], groups: Record<string, readonly TaskEntry[]>): void {
  const known = [...Object.keys(groups), ...Object.values(groups).flatMap((all) => all.map(({ name }) => name))];
  const unknown = names.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw invalidArgument('--tasks', `--tasks: ${unknown} is not one of ${known.join(', ')}.`);
}

const ready = (task: Task): TaskEntry => ({ name: task.name, make: () => task });

function questionEntries({ qa1, qa2 }: TaskFiles): TaskEntry[] {
  const squad = qa1 === null ? null : () => questionAnswering('qa_1', readSquad(readJson(qa1, '--qa-1'), '--qa-1'));
  const hotpot = qa2 === null ? null : () => questionAnswering('qa_2', readHotpot(readJson(qa2, '--qa-2'), '--qa-2'));
  return [
    { name: 'qa_1', option: '--qa-1 SQUAD.json', make: squad },
    { name: 'qa_2', option: '--qa-2 HOTPOTQA.json', make: hotpot },
  ];
}
