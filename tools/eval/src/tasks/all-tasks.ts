import { mustReadText } from '@longhaul/files';
import { invalidArgument } from '@longhaul/kernel';
import { questionAnswering } from './ruler/question-answering.js';
import { readHotpot, readSquad, type QuestionSet } from './ruler/question-records.js';
import { generatedRulerTasks } from './ruler/ruler-tasks.js';
import type { Task } from './task.js';

/** Local files that some tasks read. */
export interface TaskFiles {
  readonly qa1: string | null;
  readonly qa2: string | null;
}

/** The tasks of a run, and those that were left out because their files were not given. */
export interface ChosenTasks {
  readonly tasks: readonly Task[];
  /** A line for each. */
  readonly skipped: readonly string[];
}

/** A task by name: made when it is chosen, as its file may be large. */
interface Entry {
  readonly name: string;
  /** Null where it needs a file that was not given. */
  readonly make: (() => Task) | null;
  readonly option?: string;
}

/** HotpotQA's training set is 540 MB; its development set, which RULER takes, is 46. */
const MAX_FILE_BYTES = 2 ** 29;

/**
 * The tasks that names of tasks and groups stand for, each once, in the order of the groups.
 *
 * @throws AppError `INVALID_ARGUMENT` naming what is no task; `BAD_QUESTIONS` for files that are not as they should be.
 */
export function chooseTasks(names: readonly string[], files: TaskFiles): ChosenTasks {
  const groups = groupsOf(files);
  const entries = Object.values(groups).flat();
  const unknown = names.find((name) => !(name in groups) && !entries.some((entry) => entry.name === name));
  if (unknown !== undefined) {
    const known = [...Object.keys(groups), ...entries.map(({ name }) => name)].join(', ');
    throw invalidArgument('--tasks', `--tasks: ${unknown} is not one of ${known}.`);
  }
  const isChosen = (group: string, name: string): boolean => names.includes(group) || names.includes(name);
  const chosen = Object.entries(groups).flatMap(([group, all]) => all.filter(({ name }) => isChosen(group, name)));
  return {
    tasks: chosen.flatMap(({ make }) => make?.() ?? []),
    skipped: chosen
      .filter(({ make }) => make === null)
      .map(({ name, option = '' }) => `${name} is left out: it reads a local file, give it with ${option}`),
  };
}

function groupsOf(files: TaskFiles): Record<string, readonly Entry[]> {
  return { ruler: [...generatedRulerTasks.map(ready), ...questionEntries(files)] };
}

const ready = (task: Task): Entry => ({ name: task.name, make: () => task });

function questionEntries({ qa1, qa2 }: TaskFiles): Entry[] {
  const entry = (
    name: 'qa_1' | 'qa_2',
    { option, path, read }: { option: string; path: string | null; read: typeof readSquad },
  ): Entry => ({
    ...{ name, option },
    make: path === null ? null : () => questionAnswering(name, questionsOf(path, option, read)),
  });
  return [
    entry('qa_1', { option: '--qa-1 SQUAD.json', path: qa1, read: readSquad }),
    entry('qa_2', { option: '--qa-2 HOTPOTQA.json', path: qa2, read: readHotpot }),
  ];
}

function questionsOf(path: string, option: string, read: typeof readSquad): QuestionSet {
  const flag = option.split(' ')[0] ?? option;
  const text = mustReadText({ path, maxBytes: MAX_FILE_BYTES, option: flag, reason: 'BAD_QUESTIONS' });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw invalidArgument(flag, `${flag}: ${path} is no JSON file.`);
  }
  return read(json, flag);
}
