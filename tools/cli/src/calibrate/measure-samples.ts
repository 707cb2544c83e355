import type { Engine } from '@longhaul/engine-native';
import { loadGraph, ropeTables, type ModelPackage } from '@longhaul/model';
import { PackageRunner } from '@longhaul/testing';
import type { CalibrationRecord } from './calibration-record.js';
import type { SamplePlan } from './sample-plan.js';
import type { SampleTokens } from './sample-tokens.js';

/** A multiple of the blocks of queries that thresholds are about. */
const CHUNK_TOKENS = 512;

export interface MeasureOptions {
  readonly engine: Engine;
  readonly model: ModelPackage;
  readonly plans: readonly SamplePlan[];
  readonly tokens: SampleTokens;
  readonly record: CalibrationRecord;
  readonly threads: number;
  /** Told tokens that are read, of how many. */
  readonly onProgress: (done: number, total: number) => void;
}

/**
 * Reads the samples that are not on record yet, and puts them there. KV is kept in f32, so that what is found is the model's own.
 *
 * @throws AppError of the model, of the addon or of a sample
 */
export async function measureSamples(options: MeasureOptions): Promise<void> {
  const { plans, record, onProgress } = options;
  const total = plans.reduce((sum, { samples, tokens }) => sum + samples * tokens, 0);
  let done = plans.reduce((sum, { kind, tokens }) => sum + record.done(kind) * tokens, 0);
  onProgress(done, total);
  if (done >= total) return;
  const runner = await openRunner(options);
  try {
    for (const plan of plans) {
      for (let index = record.done(plan.kind); index < plan.samples; index++) {
        await measureSample(options, runner, { plan, index, onChunk: (count) => onProgress((done += count), total) });
      }
    }
  } finally {
    await runner.dispose();
  }
}

async function openRunner({ engine, model, plans, threads }: MeasureOptions): Promise<PackageRunner> {
  const { manifest } = model;
  const tables = (lengthTokens: number) => manifest.ropeClasses.map((rope) => ropeTables(rope, lengthTokens));
  const runnable = { graph: await loadGraph(model), manifest, ropeTables: tables };
  const poolTokens = Math.max(...plans.map(({ tokens }) => tokens));
  return PackageRunner.open({ engine, model: runnable, threads, kv: 'f32', poolTokens });
}

async function measureSample(
  { engine, tokens, record }: MeasureOptions,
  runner: PackageRunner,
  { plan, index, onChunk }: { plan: SamplePlan; index: number; onChunk: (tokens: number) => void },
): Promise<void> {
  const ids = tokens.of(plan, index);
  const probe = engine.createAttentionProbe(plan.probe);
  const sequence = runner.createSequence(ids.length);
  for (let from = 0; from < ids.length; from += CHUNK_TOKENS) {
    const part = ids.slice(from, from + CHUNK_TOKENS);
    await runner.step([{ sequence, tokens: part, logitsOf: [] }], probe);
    onChunk(part.length);
  }
  runner.release(sequence);
  record.add(plan.kind, probe.sums());
}
