import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { importModel } from '@longhaul/model';
import { NEEDLE_3M, seededRandom } from '@longhaul/testing';
import { benchModel, BENCH_MODELS } from './models.js';
import { warnIfBusy } from './report.js';
import { timedCompletion, type TimedCompletion } from './restart/first-token.js';
import { serveProcess } from './restart/served-process.js';

/**
 * Time to first token of a long prompt: computed by a server that starts with an empty KV directory, then loaded by one
 * that starts after it. Both are processes of their own; reads of the directory pass the page cache by where the file
 * system allows it.
 */
const QUICK = 'needle-3m';
const BAR = 40;
/** A model so small that starting the work takes longer than the work: loading must not be slower. */
const QUICK_BAR = 1;
const QUICK_TOKENS = 8192;
const TOKENS = 16_384;
const OUTPUT_TOKENS = 8;
/** Ids below are special tokens of the models. */
const FIRST_TOKEN = 300;

interface Result {
  case: string;
  /** Milliseconds of the warm, and of the cold server. */
  ours: number;
  peer: number;
  ratio: number;
  bar: number;
  promptTokens: number;
  cachedTokens: number;
  sameText: boolean;
}

function options() {
  const { values } = parseArgs({
    options: {
      model: { type: 'string', default: BENCH_MODELS[0] ?? '' },
      tokens: { type: 'string' },
      threads: { type: 'string', default: '2' },
      json: { type: 'string' },
      cache: { type: 'string', default: '.longhaul' },
      /** Where the KV directory is made: its disk is what is measured. */
      directory: { type: 'string', default: tmpdir() },
    },
  });
  const tokens = Number(values.tokens ?? (values.model === QUICK ? QUICK_TOKENS : TOKENS));
  if (!Number.isInteger(tokens) || tokens < 128) throw new Error('--tokens must be an integer of 128 or more');
  return { ...values, tokens };
}

async function packageOf(model: string, cacheDir: string, scratch: string): Promise<string> {
  if (model !== QUICK) return (await benchModel(model, join(cacheDir, 'bench'))).package.dir;
  const out = join(scratch, QUICK);
  await importModel({ source: NEEDLE_3M, out, weights: 'int8', name: QUICK });
  return out;
}

function promptOf(tokens: number, vocabSize: number): number[] {
  const random = seededRandom(16);
  return Array.from({ length: tokens }, () => FIRST_TOKEN + Math.floor(random() * (vocabSize - FIRST_TOKEN)));
}

async function main(): Promise<void> {
  const { model, tokens, threads, json, cache, directory } = options();
  warnIfBusy();
  const scratch = await mkdtemp(join(resolve(directory), 'longhaul-restart-'));
  try {
    const packageDir = await packageOf(model, resolve(cache), scratch);
    const manifest = JSON.parse(await readFile(join(packageDir, 'manifest.json'), 'utf8')) as {
      shape: { vocabSize: number };
    };
    const asked = { model: 'bench', prompt: promptOf(tokens, manifest.shape.vocabSize), maxTokens: OUTPUT_TOKENS };
    const flags = ['--model', packageDir, '--served-model-name', 'bench', '--threads', threads];
    const sizes = ['--kv-cache-tokens', String(tokens + 1024), '--kv-max-bytes', '8GiB'];
    const store = ['--kv-dir', join(scratch, 'kv'), '--kv-flush-timeout-ms', '120000'];
    const once = async (name: string): Promise<TimedCompletion> => {
      const server = await serveProcess([...flags, ...sizes, ...store]);
      const answer = await timedCompletion(server.url, asked);
      await server.stop();
      console.log(
        `${name}: first token after ${answer.firstTokenMs.toFixed(0)} ms, ${answer.cachedTokens} tokens loaded`,
      );
      return answer;
    };
    const cold = await once('cold');
    const warm = await once('warm after a restart');
    const bar = model === QUICK ? QUICK_BAR : BAR;
    const result: Result = {
      case: `warm TTFT after a restart, ${tokens} tokens, ${model}, disk tier`,
      ours: warm.firstTokenMs,
      peer: cold.firstTokenMs,
      ratio: cold.firstTokenMs / warm.firstTokenMs,
      bar,
      promptTokens: tokens,
      cachedTokens: warm.cachedTokens,
      sameText: warm.text === cold.text,
    };
    console.log(`${result.case}: ${result.ratio.toFixed(1)}x, bar ${bar}x, same text: ${result.sameText}`);
    if (json !== undefined) await writeFile(resolve(json), `${JSON.stringify([result], null, 2)}\n`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

await main();
