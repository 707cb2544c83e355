import { invalidArgument } from '@longhaul/kernel';

/**
 * How exact KV is, best first; the words and their order are those of the block format's quality classes. `near`: at most
 * the error of an 8-bit codec. `lossy`: 4 bits, pruned or merged. `derived`: computed in another context or at another
 * position. `sparse`: tokens are missing.
 */
export const qualityNames = ['exact', 'near', 'lossy', 'derived', 'sparse'] as const;
export type QualityName = (typeof qualityNames)[number];

/** The less exact one of two classes. */
export function worseQuality(a: QualityName, b: QualityName): QualityName {
  return qualityNames.indexOf(a) > qualityNames.indexOf(b) ? a : b;
}

/** @throws AppError `INVALID_ARGUMENT` naming the field and the classes that there are. */
export function checkQuality(field: string, value: string): QualityName {
  return oneOf(field, value, qualityNames);
}

/** Characters of a caller's value that an error repeats. */
const SHOWN_CHARACTERS = 64;

/** @throws AppError `INVALID_ARGUMENT` naming the field and what there is. */
export function oneOf<T extends string>(field: string, value: string, names: readonly T[]): T {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  const shown = JSON.stringify(value.slice(0, SHOWN_CHARACTERS));
  throw invalidArgument(
    field,
    `${field} is ${shown}; it must be ${names.length > 1 ? 'one of ' : ''}${names.join(', ')}.`,
  );
}
