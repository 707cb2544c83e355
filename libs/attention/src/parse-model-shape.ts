import { invalidArgument } from '@longhaul/kernel';
import { z } from 'zod';
import { artefactContents } from './artefacts/artefact-schema.js';
import { headLists, namesDims } from './artefacts/head-lists.js';
import { policyBounds } from './bounds.js';
import { placeOf } from './field-place.js';
import { kvMetadataChannels, type ModelShape } from './model-shape.js';
import { list, oneOf, whole } from './schema-parts.js';

const NAME_CHARACTERS = 1024;
const KV_TYPE_CHARACTERS = 32;
const DIGEST = /^[0-9a-f]{64}$/;

const text = (most: number) => {
  const error = `must be a text of at most ${most} characters`;
  return z.string({ error }).max(most, error);
};
const digest = { digest: z.string({ error: 'must be a SHA-256' }).regex(DIGEST, 'must be a SHA-256') };

const mustBeObject = { error: 'must be an object' };
const artefacts = z.object(
  {
    gates: z.object({ ...artefactContents.gates, ...digest }).optional(),
    'label-channels': z.object({ ...artefactContents['label-channels'], ...digest }).optional(),
    'xattention-thresholds': z.object({ ...artefactContents['xattention-thresholds'], ...digest }).optional(),
  },
  mustBeObject,
);

/** Every field of a shape: what is not here does not arrive. */
const fields = {
  package: text(NAME_CHARACTERS).optional(),
  withoutArtefacts: text(NAME_CHARACTERS).optional(),
  layers: whole(1, policyBounds.layers),
  kvHeads: whole(1, policyBounds.kvHeads),
  heads: whole(1, policyBounds.heads),
  headDim: whole(1, policyBounds.labelDims),
  windows: list(whole(0, policyBounds.window), policyBounds.layers),
  kvDtype: text(KV_TYPE_CHARACTERS),
  artefacts,
  channels: list(oneOf(...kvMetadataChannels), kvMetadataChannels.length, 0),
} satisfies Record<keyof ModelShape, z.ZodType>;

/** Of a later version more may be told; what is known here has to be right. */
const schema: z.ZodType<ModelShape> = z.object(fields, mustBeObject);

/**
 * Reads what policies are made for from JSON that another process has written.
 *
 * @param field how errors call the value.
 * @throws AppError `INVALID_ARGUMENT` naming the first field that is wrong, such as `shape.windows`, also where two of them
 * contradict each other.
 */
export function parseModelShape(field: string, value: unknown): ModelShape {
  const result = schema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    throw fault(placeOf(field, issue?.path ?? []), issue?.message ?? 'is not valid');
  }
  requireConsistent(field, result.data);
  return result.data;
}

function requireConsistent(field: string, { heads, kvHeads, layers, windows, ...shape }: ModelShape): void {
  if (heads % kvHeads !== 0) throw fault(`${field}.heads`, `is ${heads}, no multiple of its ${kvHeads} KV heads`);
  if (windows.length !== layers) throw fault(`${field}.windows`, `has ${windows.length} entries for ${layers} layers`);
  for (const artefact of Object.values(shape.artefacts)) {
    if (artefact === undefined) continue;
    const place = `${field}.artefacts.${artefact.kind}`;
    const lists = headLists(artefact);
    if (lists.length !== layers || lists.some(({ length }) => length !== kvHeads)) {
      throw fault(place, `is not for ${layers} layers of ${kvHeads} KV heads`);
    }
    if (artefact.kind === 'label-channels' && !namesDims(artefact.channels.flat(), shape.headDim)) {
      throw fault(place, `does not name distinct dimensions below ${shape.headDim} for every head`);
    }
  }
}

function fault(place: string, what: string): Error {
  return invalidArgument(place, `${place} ${what}.`);
}
