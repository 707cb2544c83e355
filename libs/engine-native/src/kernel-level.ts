import { invalidArgument, type AppError } from '@longhaul/kernel';
import {
  KERNEL_LEVELS,
  KERNEL_OPERATORS,
  type KernelCandidate,
  type KernelChoice,
  type KernelLevel,
  type KernelOperator,
  type KernelTable,
} from './addon-types.js';

/** Environment variable that decides which kernels run instead of a measurement: a KernelLevel. */
export const KERNEL_LEVEL_VARIABLE = 'LONGHAUL_KERNEL_LEVEL';

/** Null where the variable is not set. Throws AppError INVALID_ARGUMENT where it names no level that runs here. */
export function kernelsOfEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  table: KernelTable,
): KernelChoice | null {
  const value = environment[KERNEL_LEVEL_VARIABLE];
  return value === undefined || value === '' ? null : kernelsUpTo(value, table);
}

/**
 * The level for every operator that has it; the others run the last one below it that the processor has.
 * Throws AppError INVALID_ARGUMENT, naming the variable, where the level does not exist or does not run here.
 */
export function kernelsUpTo(name: string, table: KernelTable): KernelChoice {
  const runnable = KERNEL_LEVELS.filter((level) => runsSomewhere(level, table));
  const level = runnable.find((known) => known === name);
  if (level === undefined) throw unusableLevel(name, runnable);
  return mapOperators(table, (candidates) => lastUpTo(level, candidates));
}

/** What runs where nobody has measured or chosen: the last level of every operator that the processor has. */
export function unmeasuredKernels(table: KernelTable): Readonly<Record<KernelOperator, KernelLevel>> {
  const highest = KERNEL_LEVELS.at(-1) ?? 'scalar';
  return mapOperators(table, (candidates) => lastUpTo(highest, candidates));
}

function mapOperators(
  table: KernelTable,
  level: (candidates: readonly KernelCandidate[]) => KernelLevel,
): Readonly<Record<KernelOperator, KernelLevel>> {
  const entries = KERNEL_OPERATORS.map((operator) => [operator, level(table[operator])]);
  return Object.fromEntries(entries) as Record<KernelOperator, KernelLevel>;
}

function runsSomewhere(level: KernelLevel, table: KernelTable): boolean {
  return Object.values(table).some((candidates) => candidates.some((one) => one.level === level && one.supported));
}

function lastUpTo(level: KernelLevel, candidates: readonly KernelCandidate[]): KernelLevel {
  const highest = KERNEL_LEVELS.indexOf(level);
  const usable = candidates.filter((one) => one.supported && KERNEL_LEVELS.indexOf(one.level) <= highest);
  return usable.at(-1)?.level ?? 'scalar';
}

function unusableLevel(name: string, runnable: readonly KernelLevel[]): AppError {
  const isKnown = KERNEL_LEVELS.some((level) => level === name);
  const fault = isKnown ? `this processor does not run ${name}` : `there is no kernel level ${JSON.stringify(name)}`;
  const message = `${KERNEL_LEVEL_VARIABLE}: ${fault}. Here it may be ${runnable.join(', ')}.`;
  return invalidArgument(KERNEL_LEVEL_VARIABLE, message);
}
