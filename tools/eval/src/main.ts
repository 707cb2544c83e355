import { writeFile } from 'node:fs/promises';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { ModelPackage } from '@longhaul/model';
import { HELP, parseOptions, type EvalOptions } from './options.js';
import { policyChoices } from './policies/policy-choice.js';
import { PromptCodec } from './prompt/prompt-codec.js';
import { plotOf } from './report/plot.js';
import { rowsOf } from './report/rows.js';
import { summariesOf } from './report/summary.js';
import { rowTable, summaryTable } from './report/tables.js';
import { evaluate, type Plan } from './run/evaluate.js';
import { Journal } from './run/journal.js';
import { openModel, tokenizerFilesOf } from './run/model.js';
import { startEvalServer } from './run/server.js';
import { settingsOf } from './run/settings.js';
import { chooseTasks } from './tasks/all-tasks.js';

/** `npm run eval`: tables on stdout, progress on stderr. */
try {
  const options = parseOptions(process.argv.slice(2));
  if (options === null) process.stdout.write(HELP);
  else await run(options);
} catch (error) {
  process.stderr.write(`${AppError.isInstance(error) ? error.message : String(error)}\n`);
  process.exitCode = 1;
}

async function run(options: EvalOptions): Promise<void> {
  const policies = policyChoices(options.policies);
  const { tasks, skipped } = chooseTasks(options.tasks, options);
  for (const line of skipped) process.stderr.write(`${line}\n`);
  const model = await openModel(options.model, options.weights);
  refuseLongerThanModel(options.lengths, model);
  const codec = new PromptCodec(await tokenizerFilesOf(model), options.form);
  const settings = settingsOf(options, model, codec.form);
  const journal = new Journal(options.resume, settings);
  const { kvTypes, lengths, samples, seed } = options;
  const plan: Plan = { policies, kvTypes, tasks, lengths, samples, seed };
  await evaluate({ plan, codec, journal, start: (kv) => startServer(kv, options, model) });
  await report(options, journal, settings);
}

function startServer(kv: string, { lengths, threads }: EvalOptions, { dir }: ModelPackage) {
  const flags = threads === null ? [] : ['--threads', String(threads)];
  return startEvalServer({ packageDir: dir, kv, longestTokens: Math.max(...lengths), flags });
}

/** All that the journal has: a run that adds a length to an older one tells of both. */
async function report(options: EvalOptions, journal: Journal, settings: object): Promise<void> {
  const rows = rowsOf(journal.outcomes);
  const summaries = summariesOf(rows);
  console.log(`${rowTable(rows)}\n\n${summaryTable(summaries)}`);
  const text = JSON.stringify({ settings, rows, summaries }, null, 2);
  if (options.json !== null) await writeFile(options.json, `${text}\n`);
  if (options.plot !== null) await writeFile(options.plot, `${plotOf(summaries)}\n`);
}

function refuseLongerThanModel(lengths: readonly number[], { manifest }: ModelPackage): void {
  const tooLong = lengths.find((length) => length > manifest.contextLength);
  if (tooLong === undefined) return;
  const said = `${manifest.name} reads at most ${manifest.contextLength} tokens, not ${tooLong}`;
  throw invalidArgument('--lengths', `--lengths: ${said}.`);
}
