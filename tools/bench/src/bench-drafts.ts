import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DRAFT_CASES, type DraftCase } from './drafts/draft-cases.js';
import { timedAnswer, type TimedAnswer } from './drafts/timed-answer.js';
import { benchModel } from './models.js';
import { parseOptions } from './options.js';
import { median, rate, table, warnIfBusy } from './report.js';
import { serveProcess } from './restart/served-process.js';

/**
 * Answers with and without lookup drafts, in turns, through the HTTP API of one server. Prompts are in the prefix
 * cache, so that what is measured is decoding.
 */
interface Result {
  case: string;
  /** Tokens a second with drafts, and without. */
  ours: number;
  peer: number;
  ratio: number;
  bar: number | null;
  draftedTokens: number;
  acceptedTokens: number;
  sameText: boolean;
}

const DEFAULT_MODEL = 'smollm2-135m-instruct';

async function measure(
  url: string,
  { name, prompt, maxTokens, temperature }: DraftCase,
  rounds: number,
): Promise<Result> {
  const body = { model: 'bench', prompt, max_tokens: maxTokens, temperature, seed: 1, ignore_eos: true };
  const drafting = { ...body, longhaul: { speculation: { kind: 'lookup' } } };
  const plain: TimedAnswer[] = [];
  const drafted: TimedAnswer[] = [];
  await timedAnswer(url, { ...body, max_tokens: 1 });
  for (let round = 0; round < rounds; round++) {
    plain.push(await timedAnswer(url, body));
    drafted.push(await timedAnswer(url, drafting));
  }
  const [ours, peer] = [drafted, plain].map((answers) => median(answers.map((answer) => answer.tokensPerSecond)));
  const texts = new Set([...plain, ...drafted].map(({ text }) => text));
  return {
    ...{ case: name, ours: ours ?? NaN, peer: peer ?? NaN, ratio: (ours ?? NaN) / (peer ?? NaN), bar: null },
    draftedTokens: drafted.at(-1)?.drafted ?? 0,
    acceptedTokens: drafted.at(-1)?.accepted ?? 0,
    sameText: texts.size === 1,
  };
}

function print(results: readonly Result[]): void {
  const head = ['case', 'with drafts, tokens/s', 'without', 'ratio', 'drafted', 'accepted', 'same text'];
  const rows = results.map((row) => [
    ...[row.case, rate(row.ours), rate(row.peer), `${row.ratio.toFixed(2)}x`],
    ...[String(row.draftedTokens), String(row.acceptedTokens), row.sameText ? 'yes' : 'NO'],
  ]);
  console.log(table([head, ...rows]));
}

async function main(): Promise<void> {
  const args = process.argv.slice(2);
  const options = parseOptions(['--model', DEFAULT_MODEL, ...args], { rounds: 3 });
  warnIfBusy();
  const model = await benchModel(options.model, join(options.cacheDir, 'bench'));
  const flags = ['--model', model.package.dir, '--served-model-name', 'bench', '--threads', String(options.threads)];
  const server = await serveProcess([...flags, '--kv-store', 'off', '--kv-cache-tokens', '4096']);
  const results: Result[] = [];
  try {
    for (const one of DRAFT_CASES.filter(({ name }) => name.includes(options.only))) {
      results.push(await measure(server.url, one, options.rounds));
    }
  } finally {
    await server.stop();
  }
  print(results);
  if (options.json !== null) await writeFile(options.json, `${JSON.stringify(results, null, 2)}\n`);
  // The speed may be anything; another text is a defect.
  if (results.some(({ sameText }) => !sameText)) process.exitCode = 1;
}

await main();
