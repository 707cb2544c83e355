/**
 * Speed of encoding, as a Markdown table: MB of UTF-8 per second of CPU time, warm, the best of a few runs. CPU time rather
 * than time on the clock, so that a busy machine gives the same figures. Run after a build:
 *
 *     node libs/tokenizer/bench/encode.bench.ts
 */
import { readFileSync } from 'node:fs';
import { createTokenizer } from '../dist/index.js';

const KINDS = ['needle-3m', 'gpt2', 'llama3', 'qwen2', 'o200k', 'smollm', 'llama2', 'mistral', 'gemma'];
const RUNS = 3;
const utf8 = new TextEncoder();

function file(path: string): Uint8Array {
  return readFileSync(new URL(path, import.meta.url));
}

const corpus = new TextDecoder().decode(file('../test/goldens/corpus.txt'));
const TEXTS: Readonly<Record<string, string>> = {
  'text, 130 KB': corpus.repeat(48).slice(0, 115_000),
  'text, 1 MB': corpus.repeat(390),
  'one word of 100 KB': 'ab'.repeat(50_000),
  'one word of 1 MB': 'ab'.repeat(500_000),
  '1 MB of spaces': ' '.repeat(1_000_000),
  '1 MB of line ends': '\n'.repeat(1_000_000),
  '1 MB of broken special tokens': '<|im_star'.repeat(110_000),
};

function secondsOf(run: () => unknown): number {
  let best = Infinity;
  for (let i = 0; i < RUNS; i++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    best = Math.min(best, (user + system) / 1e6);
  }
  return best;
}

function speed(kind: string, text: string): string {
  const path = kind === 'needle-3m' ? '../../testing/fixtures/needle-3m/tokenizer.json' : null;
  const tokenizerJson = file(path ?? `../test/goldens/${kind}.tokenizer.json`);
  const tokenizer = createTokenizer({ tokenizerJson, tokenizerConfigJson: new Uint8Array() });
  const seconds = secondsOf(() => tokenizer.encode(text, { parseSpecial: true }));
  return (utf8.encode(text).length / 1e6 / seconds).toFixed(1);
}

console.log(`| MB/s | ${KINDS.join(' | ')} |\n|---|${'---:|'.repeat(KINDS.length)}`);
for (const [name, text] of Object.entries(TEXTS)) {
  console.log(`| ${name} | ${KINDS.map((kind) => speed(kind, text)).join(' | ')} |`);
}
