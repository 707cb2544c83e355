import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { KvDtype } from '@longhaul/engine-native';
import { PackageRunner, indexOfLargest } from '@longhaul/testing';
import { loadGraph, openPackage, ropeTables, type ModelPackage } from '@longhaul/model';
import { atLeast, atMost, type FidelityRow } from './rows.js';

/** The text that the goldens of the default model are made from, tokenised. */
const TEXT = resolve(import.meta.dirname, '../../../goldens/out/smollm2-135m/perplexity.json');
const CHUNK_TOKENS = 128;
const PERPLEXITY_BAR = 0.003;
const AGREEMENT_BAR = 0.99;

interface Reading {
  /** Sum of -log p of every next token. */
  negativeLogLikelihood: number;
  /** Most likely token at every position. */
  choices: number[];
}

/** How the default model reads one text with this KV type and with bf16: teacher-forced, so that errors do not part the texts. */
export async function languageRows(model: ModelPackage, kv: KvDtype): Promise<FidelityRow[]> {
  const { tokens } = JSON.parse(await readFile(TEXT, 'utf8')) as { tokens: readonly number[] };
  const reference = await read(model, 'bf16', tokens);
  const reading = await read(model, kv, tokens);
  const positions = reference.choices.length;
  const equal = reference.choices.filter((token, i) => token === reading.choices[i]).length;
  const change = Math.exp((reading.negativeLogLikelihood - reference.negativeLogLikelihood) / positions) - 1;
  return [
    atMost(`perplexity over ${positions} tokens, change to bf16 KV`, Math.abs(change), PERPLEXITY_BAR),
    atLeast(`most likely token, share equal over ${positions} positions`, equal / positions, AGREEMENT_BAR),
  ];
}

async function read(model: ModelPackage, kv: KvDtype, tokens: readonly number[]): Promise<Reading> {
  const poolTokens = Math.ceil(tokens.length / CHUNK_TOKENS + 1) * CHUNK_TOKENS;
  const { manifest } = model;
  const tables = (lengthTokens: number) => manifest.ropeClasses.map((rope) => ropeTables(rope, lengthTokens));
  const runnable = { graph: await loadGraph(await openPackage(model.dir)), manifest, ropeTables: tables };
  const runner = await PackageRunner.open({ model: runnable, kv, poolTokens, threads: 2 });
  const sequence = runner.createSequence(tokens.length);
  const reading: Reading = { negativeLogLikelihood: 0, choices: [] };
  for (let from = 0; from + 1 < tokens.length; from += CHUNK_TOKENS) {
    const part = tokens.slice(from, Math.min(from + CHUNK_TOKENS, tokens.length - 1));
    const logits = await runner.step([{ sequence, tokens: part, logitsOf: part.map((_, i) => i) }]);
    const vocabSize = logits.length / part.length;
    part.forEach((_, i) => {
      const row = logits.subarray(i * vocabSize, (i + 1) * vocabSize);
      reading.choices.push(indexOfLargest(row));
      reading.negativeLogLikelihood += negativeLogLikelihood(row, tokens[from + i + 1] ?? -1);
    });
  }
  await runner.dispose();
  return reading;
}

/** Loops, as there are a hundred million values. */
function negativeLogLikelihood(logits: Float32Array, token: number): number {
  let top = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < logits.length; i++) top = Math.max(top, logits[i] as number);
  let sum = 0;
  for (let i = 0; i < logits.length; i++) sum += Math.exp((logits[i] as number) - top);
  return Math.log(sum) + top - (logits[token] ?? Number.NaN);
}
