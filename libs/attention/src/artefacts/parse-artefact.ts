import { createHash } from 'node:crypto';
import type { GatesArtefact, LabelChannelsArtefact, ModelShape, XAttentionThresholdsArtefact } from '../model-shape.js';
import { artefactError } from './artefact-error.js';
import {
  ARTEFACT_BYTES,
  ARTEFACT_FORMAT,
  artefactSchema,
  type ArtefactContent,
  type ArtefactFile,
} from './artefact-schema.js';
import { headLists, namesDims } from './head-lists.js';

/** An artefact of any kind, read. */
export type Artefact = GatesArtefact | LabelChannelsArtefact | XAttentionThresholdsArtefact;
/** What of a model an artefact must fit. */
export type ArtefactShape = Pick<ModelShape, 'layers' | 'kvHeads' | 'headDim'>;

/** The text of an artefact's file. Equal contents give equal texts. */
export function artefactText(content: ArtefactContent): string {
  return `${JSON.stringify({ format: ARTEFACT_FORMAT, version: 1, ...content })}\n`;
}

/**
 * Reads an artefact.
 *
 * @param name of the file, for messages.
 * @param text of the file, at most 32 MiB.
 * @throws AppError `ATTENTION_ARTEFACT` naming the place that is wrong, also where it is of another model.
 */
export function parseArtefact(name: string, text: string, shape: ArtefactShape): Artefact {
  if (text.length > ARTEFACT_BYTES) throw artefactError(name, `has more than ${ARTEFACT_BYTES} bytes`);
  const parsed = artefactSchema.safeParse(parseJson(name, text));
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw artefactError(name, `is wrong at ${issue?.path.join('.') ?? 'its root'}: ${issue?.message ?? 'invalid'}`);
  }
  const lists = headLists(parsed.data);
  if (lists.length !== shape.layers || lists.some((heads) => heads.length !== shape.kvHeads)) {
    throw artefactError(name, `is not for ${shape.layers} layers of ${shape.kvHeads} KV heads`);
  }
  return contentOf(name, parsed.data, { text, shape });
}

function contentOf(
  name: string,
  file: ArtefactFile,
  { text, shape }: { text: string; shape: ArtefactShape },
): Artefact {
  const digest = createHash('sha256').update(text).digest('hex');
  switch (file.kind) {
    case 'gates':
      return { kind: file.kind, digest, gates: file.gates };
    case 'label-channels':
      if (!namesDims(file.channels.flat(), shape.headDim)) {
        throw artefactError(name, `does not name distinct dimensions below ${shape.headDim} for every head`);
      }
      return { kind: file.kind, digest, channels: file.channels };
    case 'xattention-thresholds':
      return { kind: file.kind, digest, stride: file.stride, thresholds: file.thresholds };
  }
}

function parseJson(name: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw artefactError(name, 'is not JSON');
  }
}
