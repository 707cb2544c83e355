import { z } from 'zod';
import { policyBounds } from '../bounds.js';
import { list, number, whole } from '../schema-parts.js';

/** Bytes of an artefact's file at most: label channels of 128 layers, 128 heads and 256 dimensions. */
export const ARTEFACT_BYTES = 32 * 2 ** 20;
export const ARTEFACT_FORMAT = 'longhaul-attention-artefact';

const heads = <T extends z.ZodType>(item: T) => list(list(item, policyBounds.kvHeads), policyBounds.layers);
const dims = list(whole(0, policyBounds.labelDims - 1), policyBounds.labelDims);
const STRIDE = 'must be 4, 8 or 16';
const MASS = 'must be a number above 0 and at most 1';

/** What artefacts say. Lists are [layers][kv heads]. */
export const artefactContents = {
  gates: { kind: z.literal('gates'), gates: heads(number(0, 1)) },
  'label-channels': { kind: z.literal('label-channels'), channels: heads(dims) },
  'xattention-thresholds': {
    kind: z.literal('xattention-thresholds'),
    stride: z.literal([4, 8, 16], { error: STRIDE }),
    thresholds: heads(z.number({ error: MASS }).gt(0, MASS).max(1, MASS)),
  },
} as const;

const header = {
  format: z.literal(ARTEFACT_FORMAT),
  version: z.literal(1),
  /** How it was made, for people. */
  source: z.string().max(1024),
};

/** The files of all kinds. */
export const artefactSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...header, ...artefactContents.gates }),
  z.strictObject({ ...header, ...artefactContents['label-channels'] }),
  z.strictObject({ ...header, ...artefactContents['xattention-thresholds'] }),
]);

/** An artefact as its file says it. */
export type ArtefactFile = z.output<typeof artefactSchema>;
/** An artefact before it has a file. */
export type ArtefactContent = ArtefactFile extends infer F
  ? F extends ArtefactFile
    ? Omit<F, 'format' | 'version'>
    : never
  : never;
