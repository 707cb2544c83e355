import { availableParallelism } from 'node:os';
import type { AttentionArtefacts, ModelShape } from '@longhaul/attention';
import {
  createEngine,
  defaultLimits,
  stepPromptTokens,
  type AuditOptions,
  type Engine,
  type EngineLimits,
} from '@longhaul/engine';
import {
  kvPageBytes,
  loadEngine,
  PAGE_TOKENS,
  type Engine as NativeEngine,
  type NativeKvPool,
  type NativeModel,
} from '@longhaul/engine-native';
import type { InferenceBackend, ModelInfo } from '@longhaul/inference';
import { type AppError, endedWithin } from '@longhaul/kernel';
import { loadGraph, openPackage, readArtefacts, type ModelPackage } from '@longhaul/model';
import { HealthModel } from '@longhaul/platform-health';
import type { EventLog } from '@longhaul/platform-otel';
import { createDetokenizer, createStopMatcher, createTokenizer } from '@longhaul/tokenizer';
import { createNativeRunner } from './adapters/engine/native-runner.js';
import { forwardRuntimeLog } from './adapters/engine/runtime-log.js';
import { readTokenizerFiles } from './adapters/engine/package-tokenizer.js';
import { watchSteps } from './adapters/engine/step-watch.js';
import { warmUp } from './adapters/engine/warm-up.js';
import { checkWeights, type WeightsCheck } from './adapters/engine/weights-check.js';
import { chooseKernels, type ChosenKernels, type KernelQuestion } from './adapters/kernels/choose-kernels.js';
import { followEngine } from './adapters/health/engine-health.js';
import { meteredEngineObserver, observeEngine } from './adapters/metrics/metered-engine.js';
import type { EngineConfig } from './config.js';
import { KV_QUALITY, prefixStoreOptions, type StoreConnection } from './adapters/store/prefix-store.js';
import { attentionShape, channelsFor } from './core/attention-shape.js';
import { arithmeticOf } from './core/kernels/arithmetic.js';
import { poolPages } from './core/pool-size.js';
import { createRopeTables } from './core/rope-tables.js';
import { modelInfo, servedManifest } from './core/served-manifest.js';

/** A loaded, warmed-up model behind the router's port, in this process. */
export interface LocalEngine {
  backend: InferenceBackend;
  info: ModelInfo;
  engine: Engine;
  /** Resolves when the engine must not go on: its model package is damaged. */
  failed: Promise<AppError>;
  /** Takes no more requests and waits for the running ones, at most this long. */
  drain(graceMs: number): Promise<void>;
  /** Ends what still runs and frees model and pool. */
  close(): Promise<void>;
}

export interface LocalEngineParts {
  health?: HealthModel;
  /** Where KV is kept beyond this engine. It stays the caller's and must outlive the engine. */
  store?: StoreConnection | null;
  /** What calibration has found out about the model, for attention policies; what its package has by default. */
  artefacts?: AttentionArtefacts;
  /** Where the machine's kernel profiles are; `kernel-profiles` in LONGHAUL_HOME by default. */
  kernelProfiles?: string | undefined;
}

/**
 * Opens a model package and makes it answer. Resolves after a first forward pass.
 *
 * @throws AppError of the package, the addon or the configuration; everything is freed again then.
 */
export async function openLocalEngine(
  config: EngineConfig,
  log: EventLog,
  parts: LocalEngineParts = {},
): Promise<LocalEngine> {
  const { health = new HealthModel(), store = null } = parts;
  const modelPackage = await openPackage(config.model);
  const manifest = servedManifest(modelPackage.manifest, config);
  const shape = await servedShape(modelPackage, manifest, { config, parts });
  const files = await readTokenizerFiles(modelPackage);
  const tokenizer = createTokenizer(files);
  const native = await openNative(modelPackage, { manifest, config, log, directory: parts.kernelProfiles });
  const limits = limitsOf(config, native.pages);
  const runnerPool = { pool: native.pool, scratchPage: native.scratchPage, ...manifest.shape };
  const watch = watchSteps(createNativeRunner(native.engine, native.model, runnerPool));
  const attention = { shape, stepPromptTokens: stepPromptTokens(limits) };
  const info = modelInfo(manifest, config, { kernels: native.kernels, attention });
  const engine = createEngine({
    runner: watch.runner,
    model: {
      ...info,
      numericsId: arithmeticOf(config.kvCacheDtype),
      kvQuality: KV_QUALITY[config.kvCacheDtype],
    },
    rope: createRopeTables(manifest.ropeClasses),
    detokenize: {
      open: ({ includeSpecial }) => createDetokenizer(tokenizer, { includeSpecial, continuation: true }),
    },
    openStopMatcher: (strings, options) => createStopMatcher(strings, options),
    limits,
    attention: { shape },
    audit: auditOptions(config),
    observer: meteredEngineObserver(info.id, log),
    store: store === null ? null : prefixStoreOptions({ config, manifest, pool: native.pool, connection: store }),
  });
  const free = async () => {
    await engine.close(config.kvFlushTimeoutMs);
    await native.model.dispose();
    native.unfollowLog();
    native.pool.dispose();
  };
  try {
    await warmUp(engine, info.contextLength);
  } catch (error) {
    await free();
    throw error;
  }
  const pool = { pages: native.pages, dtype: config.kvCacheDtype };
  const unobserve = observeEngine(engine, info.id, { ...pool, kernels: native.kernels });
  const { stepTimeoutMs } = config;
  const unfollow = followEngine({ watch, engine, modelName: info.id, stepTimeoutMs, health, log });
  const weights = config.verifyWeights ? startWeightsCheck(modelPackage.dir, engine, { health, log }) : null;
  log.info('model-loaded', {
    model: info.id,
    kvPages: native.pages,
    kvBytes: native.pool.bytes,
  });
  return {
    info,
    engine,
    failed: weights?.damaged ?? new Promise(() => undefined),
    backend: {
      model: () => Promise.resolve(info),
      tokenizerFiles: () => Promise.resolve(files),
      generate: (request, signal) => engine.submit(request, signal),
      load: () => engine.load(),
    },
    async drain(graceMs) {
      await endedWithin(graceMs, engine.drain());
    },
    async close() {
      unfollow();
      unobserve();
      await weights?.stop();
      await free();
    },
  };
}

/** What policies are compiled for: the model, what the pool keeps of its keys, and what calibration has found. */
async function servedShape(
  modelPackage: ModelPackage,
  manifest: ModelPackage['manifest'],
  { config, parts }: { config: EngineConfig; parts: LocalEngineParts },
): Promise<ModelShape> {
  const artefacts = await artefactsOf(modelPackage, config, parts);
  const channels = channelsFor(config.attentionAllowed);
  return attentionShape(manifest, { kvDtype: config.kvCacheDtype, channels, ...artefacts });
}

/** Artefacts are measured with the model's own rotation: under another one they say nothing. */
async function artefactsOf(
  modelPackage: ModelPackage,
  { ropeScaling }: EngineConfig,
  { artefacts }: LocalEngineParts,
): Promise<Pick<ModelShape, 'artefacts' | 'withoutArtefacts'>> {
  if (artefacts !== undefined) return { artefacts };
  if (ropeScaling === undefined) return { artefacts: await readArtefacts(modelPackage) };
  return { artefacts: {}, withoutArtefacts: 'artefacts are not for a model that is served with --rope-scaling' };
}

function startWeightsCheck(
  dir: string,
  engine: Engine,
  { health, log }: { health: HealthModel; log: EventLog },
): WeightsCheck {
  const check = health.add({ name: 'weights', weight: 'liveness' });
  // Up until proven otherwise: the start does not wait for a read of the whole package.
  check.pass();
  const busy = () => engine.load().running + engine.load().waiting > 0;
  return checkWeights(dir, { check, log, busy });
}

interface NativeParts {
  engine: NativeEngine;
  model: NativeModel;
  pool: NativeKvPool;
  /** Of the engine's block tables. */
  pages: number;
  scratchPage: number | undefined;
  kernels: ChosenKernels;
  unfollowLog(): void;
}

async function openNative(
  modelPackage: ModelPackage,
  question: Omit<KernelQuestion, 'engine'> & { config: EngineConfig; log: EventLog },
): Promise<NativeParts> {
  const { manifest, config, log } = question;
  // The graph is built while a child process tries the addon: it does not make the start longer.
  const [native, graph] = await Promise.all([loadEngine(), loadGraph(modelPackage)]);
  const { layers, kvHeads, headDim } = manifest.shape;
  const metadata = channelsFor(config.attentionAllowed);
  const shape = { layers, kvHeads, headDim, dtype: config.kvCacheDtype, metadata };
  const threads = config.threads ?? availableParallelism();
  const kernels = await chooseKernels({ ...question, engine: native });
  const model = native.createModel({ ...graph, threads, spin: config.spin, kernels: kernels.levels });
  const unfollowLog = forwardRuntimeLog(native, log);
  try {
    await model.ready;
    // After loading: what the weights took is no longer free.
    const pages = poolPages({
      contextTokens: manifest.contextLength,
      pageTokens: PAGE_TOKENS,
      pageBytes: kvPageBytes(shape),
      askedTokens: config.kvCacheTokens,
      askedBytes: config.kvCacheBytes,
      freeBytes: process.availableMemory(),
    });
    // One more, behind the others, where steps are computed a second time to compare them.
    const scratchPage = auditOptions(config).klShare > 0 ? pages : undefined;
    const pool = native.createPool({ ...shape, pages: scratchPage === undefined ? pages : pages + 1 });
    return { engine: native, model, pool, pages, scratchPage, kernels, unfollowLog };
  } catch (error) {
    await model.dispose();
    unfollowLog();
    throw error;
  }
}

function auditOptions({ auditShare, auditKlShare, auditLeastRecall, auditMostKl }: EngineConfig): AuditOptions {
  const klShare = auditKlShare ?? auditShare / 10;
  return { share: auditShare, klShare, leastRecall: auditLeastRecall, mostKl: auditMostKl };
}

function limitsOf(config: EngineConfig, pages: number): EngineLimits {
  const prefillShare = config.maxNumBatchedTokens - Math.min(config.maxNumSeqs, config.maxNumBatchedTokens - 1);
  return {
    ...defaultLimits,
    pages,
    maxSequences: config.maxNumSeqs,
    maxBatchedTokens: config.maxNumBatchedTokens,
    maxPrefillTokens: Math.max(1, prefillShare),
    maxWaiting: config.maxWaitingRequests,
    prefixCaching: config.prefixCaching,
  };
}
