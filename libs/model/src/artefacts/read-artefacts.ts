import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  artefactError,
  artefactKinds,
  parseArtefact,
  type Artefact,
  type ArtefactKind,
  type AttentionArtefacts,
} from '@longhaul/attention';
import { AppError } from '@longhaul/kernel';
import { readWholeFile } from '../checkpoint/regular-file.js';
import type { PackagedArtefact } from '../manifest.js';
import type { ModelPackage } from '../package/open-package.js';

/**
 * The artefacts of a package, compared with their digests and with the model.
 *
 * @throws AppError `ATTENTION_ARTEFACT` naming the file, for one that is missing, changed or of another model.
 */
export async function readArtefacts(modelPackage: ModelPackage): Promise<AttentionArtefacts> {
  const found: Partial<Record<ArtefactKind, Artefact>> = {};
  for (const kind of artefactKinds) {
    const listed = modelPackage.manifest.artefacts?.[kind];
    if (listed !== undefined) found[kind] = await readArtefact(modelPackage, kind, listed);
  }
  return found as AttentionArtefacts;
}

async function readArtefact(
  { dir, manifest }: ModelPackage,
  kind: ArtefactKind,
  { file, sha256 }: PackagedArtefact,
): Promise<Artefact> {
  const path = join(dir, file);
  const bytes = await readWholeFile(path, 'artefact').catch((cause: unknown) => {
    throw artefactError(path, `cannot be read: ${AppError.from(cause).message.replace(/\.$/, '')}`);
  });
  if (bytes === null) throw artefactError(path, 'is missing');
  if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw artefactError(path, 'has other contents');
  const artefact = parseArtefact(path, bytes.toString('utf8'), manifest.shape);
  if (artefact.kind !== kind) throw artefactError(path, `is of the kind ${artefact.kind} and not ${kind}`);
  return artefact;
}
