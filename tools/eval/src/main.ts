import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { ModelPackage } from '@longhaul/model';
import { agree } from './agreement/agree.js';
import { agreementRowsOf, agreementTable } from './agreement/agreement-rows.js';
import { HELP, parseOptions, type EvalOptions } from './options.js';
import { policyChoices, type PolicyChoice } from './policies/policy-choice.js';
import { PromptCodec } from './prompt/prompt-codec.js';
import { plotOf } from './report/plot.js';
import { rowsOf } from './report/rows.js';
import { summariesOf } from './report/summary.js';
import { rowTable, summaryTable } from './report/tables.js';
import { dumpSamples } from './run/dump.js';
import { evaluate } from './run/evaluate.js';
import { Journal } from './run/journal.js';
import { openModel, tokenizerFilesOf } from './run/model.js';
import type { Plan } from './run/plan.js';
import { startEvalServer } from './run/server.js';
import { settingsOf } from './run/settings.js';
import { chooseTasks } from './tasks/all-tasks.js';
import { readJson } from './tasks/json-file.js';

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
  const { tasks, skipped } = chooseTasks(options.tasks, options);
  for (const line of skipped) process.stderr.write(`${line}\n`);
  const model = await openModel(options.model, options.weights);
  refuseLongerThanModel(options.lengths, model);
  const policies = policiesOf(options, model);
  const codec = new PromptCodec(await tokenizerFilesOf(model), options.form);
  const { kvTypes, lengths, samples, seed } = options;
  const plan: Plan = { policies, kvTypes, tasks, lengths, samples, seed };
  if (options.dump !== null) return dumpSamples(options.dump, plan, codec);
  const settings = settingsOf(options, model, codec.form);
  const journal = new Journal(options.resume, settings);
  await evaluate({ plan, codec, journal, start: (kv) => startServer(kv, options, model) });
  const threads = options.threads ?? availableParallelism();
  if (options.positions > 0) await agree({ plan, codec, journal, model, threads, positions: options.positions });
  await report(options, journal, settings);
}

function policiesOf({ policies, policyFiles }: EvalOptions, { manifest }: ModelPackage): PolicyChoice[] {
  const files = policyFiles.map((path) => ({ path, json: readJson(path, '--policy-file') }));
  return policyChoices({ names: policies, files, layers: manifest.shape.layers });
}

function startServer(kv: string, { lengths, threads }: EvalOptions, { dir }: ModelPackage) {
  const flags = threads === null ? [] : ['--threads', String(threads)];
  return startEvalServer({ packageDir: dir, kv, longestTokens: Math.max(...lengths), flags });
}

/** All that the journal has: a run that adds a length to an older one tells of both. */
async function report(options: EvalOptions, journal: Journal, settings: object): Promise<void> {
  const rows = rowsOf(journal.outcomes);
  const summaries = summariesOf(rows, options.denseAtLeast);
  const agreement = agreementRowsOf(journal.comparisons.filter(({ asked }) => asked === options.positions));
  const tables = [
    rowTable(rows),
    summaryTable(summaries),
    ...(agreement.length > 0 ? [agreementTable(agreement)] : []),
  ];
  console.log(tables.join('\n\n'));
  const text = JSON.stringify({ settings, rows, summaries, agreement }, null, 2);
  if (options.json !== null) await writeFile(options.json, `${text}\n`);
  if (options.plot !== null) await writeFile(options.plot, `${plotOf(summaries)}\n`);
}

function refuseLongerThanModel(lengths: readonly number[], { manifest }: ModelPackage): void {
  const tooLong = lengths.find((length) => length > manifest.contextLength);
  if (tooLong === undefined) return;
  const said = `${manifest.name} reads at most ${manifest.contextLength} tokens, not ${tooLong}`;
  throw invalidArgument('--lengths', `--lengths: ${said}.`);
}
