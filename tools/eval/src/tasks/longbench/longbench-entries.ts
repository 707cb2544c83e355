import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, invalidArgument } from '@longhaul/kernel';
import { readJson, readNamed } from '../json-file.js';
import type { Task, TaskEntry } from '../task.js';
import { DATASETS, UNSUPPORTED_DATASETS, type Dataset } from './datasets.js';
import { LONGBENCH_PREFIX, longbenchTask } from './longbench-task.js';
import { readRecords } from './records.js';

const OPTION = '--longbench';
const PROMPTS_OPTION = '--longbench-prompts';

export interface LongbenchFiles {
  readonly longbench: string | null;
  readonly longbenchPrompts: string | null;
}

/** All of LongBench's tasks; those whose files are not there are left out, those that cannot be scored are refused. */
export function longbenchEntries(files: LongbenchFiles): TaskEntry[] {
  const entries = DATASETS.map((dataset): TaskEntry => {
    const path = files.longbench === null ? null : join(files.longbench, `${dataset.name}.jsonl`);
    const there = path !== null && existsSync(path);
    return {
      name: LONGBENCH_PREFIX + dataset.name,
      option: `${OPTION} DIR, as DIR/${dataset.name}.jsonl`,
      make: there ? () => open(dataset, path, files.longbenchPrompts) : null,
    };
  });
  return [...entries, ...UNSUPPORTED_DATASETS.map(refused)];
}

function open(dataset: Dataset, path: string, prompts: string | null): Task {
  const records = readRecords(readNamed(path, OPTION), path);
  return longbenchTask(dataset, records, prompts === null ? undefined : templateOf(dataset.name, prompts));
}

function templateOf(name: string, path: string): string {
  const prompts = readJson(path, PROMPTS_OPTION);
  const template = typeof prompts === 'object' && prompts !== null ? (prompts as Record<string, unknown>)[name] : null;
  if (typeof template === 'string') return template;
  throw invalidArgument(PROMPTS_OPTION, `${PROMPTS_OPTION}: ${path} has no prompt for ${name}.`);
}

function refused(dataset: string): TaskEntry {
  const name = LONGBENCH_PREFIX + dataset;
  return {
    ...{ name, option: OPTION, byNameOnly: true },
    make: () => {
      throw new AppError({
        code: 'UNIMPLEMENTED',
        reason: 'UNSUPPORTED_TASK',
        field: '--tasks',
        message: `--tasks: ${name} cannot be scored: its score splits Chinese into words, for which nothing is built.`,
      });
    },
  };
}
