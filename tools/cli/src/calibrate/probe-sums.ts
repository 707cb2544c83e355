import type { AttentionProbeSums } from '@longhaul/engine-native';

/** What a probe adds up, list by list. */
export const SUM_NAMES = [
  ...(['tokens', 'farTokens', 'distanceMass', 'products', 'querySums'] as const),
  ...(['keySums', 'blocks', 'unitsVisible', 'massKept', 'unitsRead'] as const),
];

/** Sums of several samples; null before the first one. The order of samples decides the last bits. */
export function addSums(so: AttentionProbeSums | null, more: AttentionProbeSums): AttentionProbeSums {
  if (so === null) return more;
  const lists = SUM_NAMES.map((name) => [name, so[name].map((value, i) => value + (more[name][i] as number))] as const);
  return Object.fromEntries(lists) as unknown as AttentionProbeSums;
}

/** As plain JSON, which keeps every bit of a finite number. */
export function sumsToJson(sums: AttentionProbeSums): Record<string, number[]> {
  return Object.fromEntries(SUM_NAMES.map((name) => [name, [...sums[name]]]));
}

/** The inverse; null for what is none. */
export function sumsFromJson(json: unknown): AttentionProbeSums | null {
  if (typeof json !== 'object' || json === null) return null;
  const lists = SUM_NAMES.map((name) => [name, (json as Record<string, unknown>)[name]] as const);
  const sound = lists.every(([, list]) => Array.isArray(list) && list.every((value) => Number.isFinite(value)));
  if (!sound) return null;
  return Object.fromEntries(
    lists.map(([name, list]) => [name, Float64Array.from(list as number[])]),
  ) as unknown as AttentionProbeSums;
}
