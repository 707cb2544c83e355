import { worseQuality, type AttentionUsage, type GenerationUsage } from '@longhaul/inference';

/** What a mean over the prompts of a request needs of one of them. */
type Part = Pick<GenerationUsage, 'promptTokens' | 'cachedTokens' | 'completionTokens' | 'attention'>;

/**
 * The attention of a request with several prompts, which all have one policy: counts are sums, densities are means by
 * tokens that were computed, recall and divergence are means by samples, and the quality is the worst.
 *
 * @returns null where the engine does not tell for all of them.
 */
export function addAttentionUsage(parts: readonly Part[]): AttentionUsage | null {
  const told = parts.flatMap(({ attention }) => (attention === null ? [] : [attention]));
  const [first, ...others] = told;
  if (first === undefined || told.length < parts.length) return null;
  return {
    policy: first.policy,
    quality: others.reduce((worst, { quality }) => worseQuality(worst, quality), first.quality),
    density: {
      prefill: mean(parts, (part) => [part.attention?.density.prefill ?? 1, part.promptTokens - part.cachedTokens]),
      decode: mean(parts, (part) => [part.attention?.density.decode ?? 1, part.completionTokens]),
    },
    kvReadBytes: told.reduce<number | null>((sum, { kvReadBytes }) => sumOf(sum, kvReadBytes), 0),
    audit: addAudits(told.map(({ audit }) => audit)),
    fallbacks: told.reduce((sum, { fallbacks }) => sum + fallbacks, 0),
  };
}

/** A sum of which a part is not known is not known. */
function sumOf(a: number | null, b: number | null): number | null {
  return a === null || b === null ? null : a + b;
}

type Audit = NonNullable<AttentionUsage['audit']>;

function addAudits(audits: readonly (Audit | null)[]): Audit | null {
  const told = audits.filter((audit) => audit !== null);
  if (told.length === 0) return null;
  const sumOfAll = (count: (audit: Audit) => number) => told.reduce((sum, audit) => sum + count(audit), 0);
  return {
    samples: sumOfAll(({ samples }) => samples),
    recall: meanOrNull(told, ({ recall, samples }) => [recall, samples]),
    klSamples: sumOfAll(({ klSamples }) => klSamples),
    kl: meanOrNull(told, ({ kl, klSamples }) => [kl, klSamples]),
    breaches: sumOfAll(({ breaches }) => breaches),
  };
}

/** Of those that have a value. */
function meanOrNull(audits: readonly Audit[], of: (audit: Audit) => readonly [number | null, number]): number | null {
  const pairs = audits.map(of).flatMap(([value, weight]) => (value === null ? [] : [[value, weight] as const]));
  return pairs.length === 0 ? null : mean(pairs, (pair) => pair);
}

/** By weight; 1 where nothing has any, which is what a phase without a row has. */
function mean<T>(items: readonly T[], of: (item: T) => readonly [value: number, weight: number]): number {
  const pairs = items.map(of);
  const weight = pairs.reduce((sum, [, each]) => sum + each, 0);
  return weight === 0 ? 1 : pairs.reduce((sum, [value, each]) => sum + value * each, 0) / weight;
}
