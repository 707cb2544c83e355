import { z } from 'zod';
import { policyBounds } from '../bounds.js';

/** Bytes of an artefact's file at most: label channels of 128 layers, 128 heads and 256 dimensions. */
export const ARTEFACT_BYTES = 32 * 2 ** 20;
export const ARTEFACT_FORMAT = 'longhaul-attention-artefact';

const heads = <T extends z.ZodType>(item: T) =>
  z.array(z.array(item).min(1).max(policyBounds.kvHeads)).min(1).max(policyBounds.layers);
const header = {
  format: z.literal(ARTEFACT_FORMAT),
  version: z.literal(1),
  /** How it was made, for people. */
  source: z.string().max(1024),
};

/** The files of all kinds. Lists are [layers][kv heads]. */
export const artefactSchema = z.discriminatedUnion('kind', [
  z.strictObject({ ...header, kind: z.literal('gates'), gates: heads(z.number().min(0).max(1)) }),
  z.strictObject({
    ...header,
    kind: z.literal('label-channels'),
    channels: heads(
      z
        .array(
          z
            .int()
            .min(0)
            .max(policyBounds.labelDims - 1),
        )
        .min(1)
        .max(policyBounds.labelDims),
    ),
  }),
  z.strictObject({
    ...header,
    kind: z.literal('xattention-thresholds'),
    stride: z.literal([4, 8, 16]),
    thresholds: heads(z.number().gt(0).max(1)),
  }),
]);

/** An artefact as its file says it. */
export type ArtefactFile = z.output<typeof artefactSchema>;
/** An artefact before it has a file. */
export type ArtefactContent = ArtefactFile extends infer F
  ? F extends ArtefactFile
    ? Omit<F, 'format' | 'version'>
    : never
  : never;
