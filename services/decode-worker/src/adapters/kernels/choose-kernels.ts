import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import type { Engine, KernelChoice, KvDtype, MeasuredOperator } from '@longhaul/engine-native';
import { AppError, invalidArgument, monotonicMs } from '@longhaul/kernel';
import type { ModelManifest } from '@longhaul/model';
import { longhaulHome } from '@longhaul/platform-config';
import type { EventLog } from '@longhaul/platform-otel';
import { bestLevels } from '../../core/kernels/best-levels.js';
import {
  isSameSubject,
  profileFileOf,
  profileIdOf,
  type KernelProfile,
  type ProfileSubject,
} from '../../core/kernels/kernel-profile.js';
import { measuredOperators } from '../../core/kernels/measured-operators.js';
import { faultOfPinned, levelsOf } from '../../core/kernels/profile-fit.js';
import { ProfileFolder, readProfile } from './profile-folder.js';

/** Wall time of a measurement; what runs when it is over is ended, which may take a little longer. */
const BUDGET_MS = 250;

/** Who decided: the machine's record, this process, `--kernel-profile`, or LONGHAUL_KERNEL_LEVEL. */
export type KernelSource = 'stored' | 'measured' | 'pinned' | 'environment';

export interface ChosenKernels {
  /** A level for every operator of ours that the model runs. */
  levels: KernelChoice;
  source: KernelSource;
  /** Processes with the same one compute the same bits; null where the environment decided. */
  profileId: string | null;
}

export interface KernelQuestion {
  engine: Pick<Engine, 'runtime' | 'forcedKernels' | 'measureKernels' | 'buildId'>;
  manifest: ModelManifest;
  config: { kvCacheDtype: KvDtype; threads?: number | undefined; kernelProfile?: string | undefined };
  log: Pick<EventLog, 'info' | 'warning'>;
  /** Where the machine keeps its profiles; in LONGHAUL_HOME by default. */
  directory?: string | undefined;
}

interface Context extends KernelQuestion {
  subject: ProfileSubject;
  operators: readonly MeasuredOperator[];
}

/**
 * Which kernels a model runs on this machine: measured at its first start, on its own shapes, and kept for all
 * processes. Costs the reading of a small file, or a third of a second the first time; the event loop goes on.
 *
 * @throws AppError INVALID_ARGUMENT naming `kernel-profile` where the file it names does not fit.
 */
export async function chooseKernels(question: KernelQuestion): Promise<ChosenKernels> {
  const context = await contextOf(question);
  const started = monotonicMs();
  const chosen = await decide(context);
  question.log.info('kernels-chosen', {
    levels: levelsAsText(chosen.levels),
    source: chosen.source,
    profile: chosen.profileId ?? undefined,
    ms: Math.round(monotonicMs() - started),
  });
  return chosen;
}

/** `attention/bf16=avx512 linear/int8=avx512vnni`, for people. */
export function levelsAsText(levels: KernelChoice): string {
  return Object.entries(levels)
    .map(([operator, level]) => `${operator}=${level}`)
    .join(' ');
}

async function contextOf(question: KernelQuestion): Promise<Context> {
  const { engine, manifest, config } = question;
  const { processor, kernels } = engine.runtime;
  const subject: ProfileSubject = {
    package: manifest.fingerprint,
    kvDtype: config.kvCacheDtype,
    processor,
    threads: config.threads ?? availableParallelism(),
    build: await engine.buildId(),
  };
  return { ...question, subject, operators: measuredOperators(manifest, config.kvCacheDtype, kernels) };
}

async function decide(context: Context): Promise<ChosenKernels> {
  const { engine, config, log } = context;
  if (engine.forcedKernels !== null) {
    if (config.kernelProfile !== undefined) log.warning('kernel-profile-ignored', { because: 'LONGHAUL_KERNEL_LEVEL' });
    return { levels: ofOperators(engine.forcedKernels, context.operators), source: 'environment', profileId: null };
  }
  return config.kernelProfile === undefined ? ofMachine(context) : pinned(config.kernelProfile, context);
}

function ofOperators(levels: KernelChoice, operators: readonly MeasuredOperator[]): KernelChoice {
  return Object.fromEntries(operators.map(({ operator }) => [operator, levels[operator] ?? 'scalar']));
}

async function pinned(path: string, context: Context): Promise<ChosenKernels> {
  const refuse = (why: string): AppError => invalidArgument('kernel-profile', `--kernel-profile: ${path} ${why}.`);
  const read = readProfile(path);
  if (read.kind === 'missing') throw refuse('does not exist');
  if (read.kind === 'damaged') throw refuse(`is no kernel profile (${read.message})`);
  const { subject, operators } = context;
  const table = context.engine.runtime.kernels;
  const fault = faultOfPinned(read.profile, { subject, operators, table });
  if (fault !== null) throw refuse(fault);
  return used(read.profile, 'pinned', context);
}

function used(profile: KernelProfile, source: KernelSource, { operators, engine }: Context): ChosenKernels {
  const levels = levelsOf(profile, operators, engine.runtime.kernels);
  if (levels === null) throw new RangeError('a profile that fits has all levels');
  return { levels, source, profileId: profileIdOf(profile) };
}

/** The machine's record, or one that is made now. */
async function ofMachine(context: Context): Promise<ChosenKernels> {
  const folder = new ProfileFolder(context.directory ?? join(longhaulHome(), 'kernel-profiles'));
  const file = profileFileOf(context.subject);
  const known = await stored(folder, file, context);
  if (known !== null) return known;
  let unlock: () => Promise<void>;
  try {
    unlock = await folder.lock();
  } catch (error) {
    return unkept(folder.path(file), context, error);
  }
  try {
    return (await stored(folder, file, context)) ?? (await measuredAndKept(folder, file, context));
  } finally {
    await unlock();
  }
}

/** Null where there is none, or none that can be used. */
async function stored(folder: ProfileFolder, file: string, context: Context): Promise<ChosenKernels | null> {
  const read = readProfile(folder.path(file));
  if (read.kind === 'missing') return null;
  if (read.kind === 'found') {
    const { profile } = read;
    const fits = isSameSubject(profile.subject, context.subject);
    if (fits && levelsOf(profile, context.operators, context.engine.runtime.kernels) !== null) {
      return used(profile, 'stored', context);
    }
  }
  const because = read.kind === 'damaged' ? read.message : 'it is of something else';
  context.log.warning('kernel-profile-damaged', { path: folder.path(file), because, measured: 'anew' });
  return null;
}

async function measuredAndKept(folder: ProfileFolder, file: string, context: Context): Promise<ChosenKernels> {
  const profile = await measure(context);
  try {
    await folder.write(file, profile);
  } catch (error) {
    warnUnkept(folder.path(file), context, error);
  }
  return used(profile, 'measured', context);
}

async function unkept(path: string, context: Context, error: unknown): Promise<ChosenKernels> {
  warnUnkept(path, context, error);
  return used(await measure(context), 'measured', context);
}

/** Other processes then measure for themselves, and may compute other low bits. */
function warnUnkept(path: string, { log }: Context, error: unknown): void {
  log.warning('kernel-profile-not-kept', { path, because: AppError.from(error).message });
}

async function measure({ engine, subject, operators }: Context): Promise<KernelProfile> {
  const rates = await engine.measureKernels({ threads: subject.threads, budgetMs: BUDGET_MS, operators });
  return {
    format: 'longhaul-kernel-profile',
    version: 1,
    subject,
    operators: bestLevels(rates),
    measuredUnixS: Math.floor(Date.now() / 1000),
  };
}
