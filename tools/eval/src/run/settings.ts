import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelPackage } from '@longhaul/model';
import type { EvalOptions } from '../options.js';
import type { PromptForm } from '../prompt/prompt-codec.js';
import { DATASETS } from '../tasks/longbench/datasets.js';
import type { JournalSettings } from './journal.js';

/** Of generators and scorers: raised when a sample or a score of the same place changes. */
const TASKS_VERSION = 1;

/** Everything that a finished sample depends on beside its own place. */
export function settingsOf(options: EvalOptions, { manifest }: ModelPackage, form: PromptForm): JournalSettings {
  return {
    tasks_version: TASKS_VERSION,
    model: manifest.name,
    weights: manifest.weights.scheme,
    fingerprint: manifest.fingerprint,
    tokenizer: manifest.tokenizer.sha256,
    form,
    seed: options.seed,
    threads: options.threads,
    qa_1: digestOf(options.qa1),
    qa_2: digestOf(options.qa2),
    longbench: folderDigest(options.longbench),
    longbench_prompts: digestOf(options.longbenchPrompts),
  };
}

function digestOf(path: string | null): string | null {
  return path === null ? null : createHash('sha256').update(readFileSync(path)).digest('hex');
}

/** Of all data sets that are there: a run that brings another one begins a new journal. */
function folderDigest(folder: string | null): string | null {
  if (folder === null) return null;
  const hash = createHash('sha256');
  for (const { name } of DATASETS) {
    const path = join(folder, `${name}.jsonl`);
    if (existsSync(path)) hash.update(`${name} ${digestOf(path)}\n`);
  }
  return hash.digest('hex');
}
