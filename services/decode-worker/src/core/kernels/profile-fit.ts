import type { KernelChoice, KernelTable, MeasuredOperator } from '@longhaul/engine-native';
import type { KernelProfile, ProfileSubject } from './kernel-profile.js';

/**
 * Why a profile that somebody names cannot be used, in words that follow its name, or null. It may come from another
 * build and another number of threads; of another model package or processor it would be no measurement of this one.
 */
export function faultOfPinned(
  profile: KernelProfile,
  {
    subject,
    operators,
    table,
  }: { subject: ProfileSubject; operators: readonly MeasuredOperator[]; table: KernelTable },
): string | null {
  const { package: fingerprint, processor } = profile.subject;
  if (fingerprint !== subject.package) {
    return `is of a model package with fingerprint ${fingerprint.slice(0, 16)}, this one has ${subject.package.slice(0, 16)}`;
  }
  if (!isSameProcessor(processor, subject.processor)) {
    return `was measured on ${describe(processor)}, this is ${describe(subject.processor)}`;
  }
  return levelFault(profile, operators, table);
}

/** Levels of the operators that a model runs, or null where the profile has not all of them or one does not run here. */
export function levelsOf(
  profile: KernelProfile,
  operators: readonly MeasuredOperator[],
  table: KernelTable,
): KernelChoice | null {
  if (levelFault(profile, operators, table) !== null) return null;
  const used = new Set(operators.map(({ operator }) => operator));
  const levels = profile.operators.filter(({ operator }) => used.has(operator));
  return Object.fromEntries(levels.map(({ operator, level }) => [operator, level]));
}

function levelFault(profile: KernelProfile, operators: readonly MeasuredOperator[], table: KernelTable): string | null {
  for (const { operator } of operators) {
    const chosen = profile.operators.find((one) => one.operator === operator);
    if (chosen === undefined) return `has no level of ${operator}`;
    const usable = table[operator].filter(({ supported }) => supported).map(({ level }) => level);
    if (!usable.includes(chosen.level)) {
      return `asks for ${operator} at level ${chosen.level}; here it may be ${usable.join(', ')}`;
    }
  }
  return null;
}

type Processor = ProfileSubject['processor'];

function isSameProcessor(one: Processor, other: Processor): boolean {
  return describe(one) === describe(other);
}

function describe({ vendor, name, family, model, stepping }: Processor): string {
  return `${vendor} ${name} (family ${family}, model ${model}, stepping ${stepping})`;
}
