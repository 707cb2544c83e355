import { PackageRunner } from '@longhaul/testing';
import { loadEngine, type KvDtype } from '@longhaul/engine-native';
import { loadGraph, openPackage, readArtefacts, ropeTables, type ModelPackage } from '@longhaul/model';
import type { PolicyChoice } from '../policies/policy-choice.js';
import type { PromptCodec } from '../prompt/prompt-codec.js';
import { Progress, type ProgressOutput } from '../report/progress.js';
import type { Journal } from '../run/journal.js';
import { casesOf, placeOf, type Case, type Plan } from '../run/plan.js';
import { compareRows } from './compare-rows.js';
import type { Comparison } from './comparison.js';
import { readAnswering, readForced, type Reading } from './reading.js';
import { openPolicies, POOL_CHANNELS, type OpenPolicies } from './open-policies.js';

export interface AgreeOptions {
  readonly plan: Plan;
  readonly codec: PromptCodec;
  readonly journal: Journal;
  readonly model: ModelPackage;
  /** Positions at the end of each prompt, and most tokens of its answer. */
  readonly positions: number;
  readonly threads: number;
  /** Of progress; stderr by default. */
  readonly output?: ProgressOutput;
}

interface Reader {
  readonly kv: string;
  readonly runner: PackageRunner;
  readonly policies: OpenPolicies;
}

/** What a sample is compared as. */
interface Variant {
  readonly reader: Reader;
  readonly policy: PolicyChoice;
}

/**
 * Reads every sample under every policy and KV type, and compares the logits with those of dense attention and the first KV
 * type. Without a server: one model a KV type is loaded here at the same time.
 *
 * @throws AppError of a policy that the model or its pool cannot take
 */
export async function agree(options: AgreeOptions): Promise<void> {
  const { plan, journal, positions } = options;
  const known = (each: Case, policy: PolicyChoice): boolean =>
    journal.comparison({ ...placeOf(each, policy), asked: positions }) !== null;
  const variantsOf = (readers: readonly Reader[], each: Case): Variant[] =>
    readers.flatMap((reader, i) =>
      plan.policies
        .filter((policy) => i > 0 || policy.attention !== null)
        .filter((policy) => !known({ ...each, kv: reader.kv }, policy))
        .map((policy) => ({ reader, policy })),
    );
  const cases = casesOf({ ...plan, kvTypes: plan.kvTypes.slice(0, 1) });
  const unread = plan.kvTypes.map((kv) => ({ kv }) as Reader);
  const open = cases.filter((each) => variantsOf(unread, each).length > 0);
  if (open.length === 0) return;
  const readers = await openReaders(options);
  const progress = new Progress(open.length, options.output);
  try {
    for (const each of open) {
      await compareCase(options, each, { dense: readers[0], variants: variantsOf(readers, each) });
      progress.step(`logits of ${each.length} ${each.task.name}`);
    }
  } finally {
    progress.end();
    for (const { runner } of readers) await runner.dispose();
  }
}

async function openReaders({ plan, model, threads }: AgreeOptions): Promise<Reader[]> {
  const { manifest } = model;
  const poolTokens = Math.max(...plan.lengths) + 1024;
  const tables = (lengthTokens: number) => manifest.ropeClasses.map((rope) => ropeTables(rope, lengthTokens));
  const engine = await loadEngine();
  const artefacts = await readArtefacts(model);
  const readers: Reader[] = [];
  for (const kv of plan.kvTypes) {
    const runnable = { graph: await loadGraph(await openPackage(model.dir)), manifest, ropeTables: tables };
    const policies = openPolicies({ engine, manifest, policies: plan.policies, kv, artefacts });
    const pool = { kv: kv as KvDtype, poolTokens, metadata: POOL_CHANNELS };
    readers.push({ kv, policies, runner: await PackageRunner.open({ engine, model: runnable, threads, ...pool }) });
  }
  return readers;
}

interface Compared {
  readonly dense: Reader | undefined;
  readonly variants: readonly Variant[];
}

async function compareCase(options: AgreeOptions, each: Case, { dense, variants }: Compared): Promise<void> {
  if (dense === undefined) return;
  const { plan, codec, journal, model, positions } = options;
  const { tokenIds } = each.task.sample({ seed: plan.seed, length: each.length, index: each.index }, codec);
  const excerpt = { prompt: [...tokenIds], positions, vocabSize: model.manifest.shape.vocabSize };
  const lengthTokens = tokenIds.length + positions;
  const own = dense.runner.createSequence(lengthTokens);
  const ends = model.manifest.tokenizer.eosTokenIds;
  const reference = await readAnswering(dense.runner, own, { ...excerpt, ends });
  dense.runner.release(own);
  for (const { reader, policy } of variants) {
    const state = reader.policies.open(policy);
    const sequence = reader.runner.createSequence(lengthTokens, state && { state, decodeFrom: tokenIds.length });
    const reading = await readForced(reader.runner, sequence, { ...excerpt, answer: reference.answer });
    reader.runner.release(sequence);
    const place = placeOf({ ...each, kv: reader.kv }, policy);
    journal.addComparison({ ...place, asked: positions, ...likenessOf(reference, reading, excerpt.vocabSize) });
  }
}

function likenessOf(dense: Reading, other: Reading, vocabSize: number): Pick<Comparison, 'prompt' | 'answer'> {
  return {
    prompt: compareRows(dense.prompt, other.prompt, vocabSize),
    answer: compareRows(dense.behind, other.behind, vocabSize),
  };
}
