import { createHash } from 'node:crypto';
import { KERNEL_LEVELS, KERNEL_OPERATORS, type KernelLevel, type KernelOperator } from '@longhaul/engine-native';
import { canonicalJson } from '@longhaul/kernel';
import { z } from 'zod';

/** Whose measurement a profile is: another package, KV type, processor, number of threads or build is measured anew. */
export interface ProfileSubject {
  /** Fingerprint of the model package. */
  package: string;
  kvDtype: string;
  processor: {
    vendor: string;
    name: string;
    family: number;
    model: number;
    stepping: number;
    /** Instruction sets that kernels may need and that run here. */
    features: readonly string[];
  };
  threads: number;
  /** SHA-256 of the addon. */
  build: string;
}

/** Rates of one level, of one thread while the others do the same. */
export interface LevelRates {
  level: KernelLevel;
  /** 10^9 operations a second in prefill; 0 where no chunk passes the operator. */
  prefillGops: number;
  /** 10^9 bytes of KV, or of weights, read a second in decode. */
  decodeGbps: number;
  runs: number;
}

/** The level of one operator, and what it was chosen among. */
export interface OperatorProfile {
  operator: KernelOperator;
  level: KernelLevel;
  rates: readonly LevelRates[];
}

/** A measurement that all processes of a machine keep to, so that they agree bit for bit. */
export interface KernelProfile {
  format: 'longhaul-kernel-profile';
  version: 1;
  subject: ProfileSubject;
  operators: readonly OperatorProfile[];
  measuredUnixS: number;
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const word = z.string().max(200);
const number = z.int().min(0);
const rate = z.number().min(0);

/** What a profile's file looks like. */
export const kernelProfileSchema: z.ZodType<KernelProfile> = z.strictObject({
  format: z.literal('longhaul-kernel-profile'),
  version: z.literal(1),
  subject: z.strictObject({
    package: sha256,
    kvDtype: word,
    processor: z.strictObject({
      ...{ vendor: word, name: word, family: number, model: number, stepping: number },
      features: z.array(word).max(64),
    }),
    threads: z.int().min(1).max(1024),
    build: sha256,
  }),
  operators: z
    .array(
      z.strictObject({
        operator: z.enum(KERNEL_OPERATORS),
        level: z.enum(KERNEL_LEVELS),
        rates: z
          .array(z.strictObject({ level: z.enum(KERNEL_LEVELS), prefillGops: rate, decodeGbps: rate, runs: number }))
          .max(16),
      }),
    )
    .max(16),
  measuredUnixS: number,
});

/** The profile's short name, by which processes and machines can tell whether they agree. */
export function profileIdOf(profile: Pick<KernelProfile, 'subject' | 'operators'>): string {
  const levels = Object.fromEntries(profile.operators.map(({ operator, level }) => [operator, level]));
  return digest({ subject: subjectJson(profile.subject), levels });
}

/** Name of the subject's file. */
export function profileFileOf(subject: ProfileSubject): string {
  return `${digest(subjectJson(subject))}.json`;
}

export function isSameSubject(one: ProfileSubject, other: ProfileSubject): boolean {
  return profileFileOf(one) === profileFileOf(other);
}

function subjectJson({ processor, ...rest }: ProfileSubject) {
  return { ...rest, processor: { ...processor, features: [...processor.features] } };
}

const ID_DIGITS = 16;

function digest(value: Parameters<typeof canonicalJson>[0]): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex').slice(0, ID_DIGITS);
}
