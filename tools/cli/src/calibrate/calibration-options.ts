import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { mustReadText } from '@longhaul/files';
import { invalidArgument } from '@longhaul/kernel';
import { integerFlag, type Flags } from '../flags.js';

/** What is measured: gates of heads, label channels, thresholds of block selection. */
export const METHODS = ['heads', 'labels', 'thresholds'] as const;
export type Method = (typeof METHODS)[number];

/** How gates are found: by repeated random tokens, or by mean queries and keys over texts. */
export const GATE_METHODS = ['copies', 'early-mass'] as const;
export type GateMethod = (typeof GATE_METHODS)[number];

export interface CalibrationOptions {
  readonly methods: readonly Method[];
  readonly gates: GateMethod;
  /** Of a sample. */
  readonly tokens: number;
  readonly samples: number;
  readonly stride: 4 | 8 | 16;
  /** Share of the attention that thresholds keep on average. */
  readonly recall: number;
  /** Null: texts are made. */
  readonly text: CalibrationText | null;
}

export interface CalibrationText {
  readonly name: string;
  readonly text: string;
  /** SHA-256, hex. */
  readonly digest: string;
}

export const CALIBRATION_FLAGS = ['methods', 'gates', 'tokens', 'samples', 'stride', 'recall', 'text'] as const;

/** Enough for four copies that are worth the name, and for blocks to choose among. */
const LEAST_TOKENS = 512;
const DEFAULT_TOKENS = 4096;
const MOST_SAMPLES = 256;
const TEXT_BYTES = 64 * 2 ** 20;

/**
 * What the flags say.
 *
 * @param contextLength of the model: no sample is longer.
 * @throws AppError `INVALID_ARGUMENT` naming the flag and what it may be.
 */
export function calibrationOptions(flags: Flags, contextLength: number): CalibrationOptions {
  if (contextLength < LEAST_TOKENS)
    throw invalidArgument(
      '--tokens',
      `Samples have ${LEAST_TOKENS} tokens at least; the model reads ${contextLength}.`,
    );
  const tokens = { min: LEAST_TOKENS, max: contextLength, default: Math.min(DEFAULT_TOKENS, contextLength) };
  return {
    methods: methodsOf(flags.values['methods']),
    gates: oneOf('--gates', flags.values['gates'] ?? 'copies', GATE_METHODS),
    tokens: integerFlag(flags, 'tokens', tokens),
    samples: integerFlag(flags, 'samples', { min: 1, max: MOST_SAMPLES, default: 4 }),
    stride: Number(oneOf('--stride', flags.values['stride'] ?? '16', ['4', '8', '16'])) as 4 | 8 | 16,
    recall: recallOf(flags.values['recall']),
    text: textOf(flags.values['text']),
  };
}

function methodsOf(text: string | undefined): Method[] {
  const asked = (text ?? METHODS.join(',')).split(',').map((word) => oneOf('--methods', word.trim(), METHODS));
  return METHODS.filter((method) => asked.includes(method));
}

function recallOf(text: string | undefined): number {
  const recall = Number(text ?? '0.95');
  if (text?.trim() === '' || !(recall >= 0.5 && recall <= 0.999))
    throw invalidArgument('--recall', '--recall must be a number from 0.5 to 0.999.');
  return recall;
}

function textOf(path: string | undefined): CalibrationText | null {
  if (path === undefined) return null;
  const text = mustReadText({ path, maxBytes: TEXT_BYTES, option: '--text', reason: 'INVALID_ARGUMENT' });
  return { name: basename(path), text, digest: createHash('sha256').update(text).digest('hex') };
}

function oneOf<T extends string>(flag: string, text: string, known: readonly T[]): T {
  const found = known.find((word) => word === text);
  if (found === undefined)
    throw invalidArgument(flag, `${flag} must be ${flag === '--methods' ? 'some of' : 'one of'} ${known.join(', ')}.`);
  return found;
}
