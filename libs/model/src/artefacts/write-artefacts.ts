import { randomBytes } from 'node:crypto';
import { readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  artefactKinds,
  artefactText,
  parseArtefact,
  type ArtefactContent,
  type ArtefactKind,
} from '@longhaul/attention';
import { diskError } from '../checkpoint/disk-error.js';
import type { ModelManifest, PackagedArtefact } from '../manifest.js';
import { syncDirectory } from '../package/directory.js';
import { HashedFile } from '../package/hashed-file.js';
import { openPackage, parseManifest, type ModelPackage } from '../package/open-package.js';
import { ARTEFACT_FILE, MANIFEST_FILE } from '../package/package-files.js';

/** Files of a write that did not end. */
const PARTIAL = /^\.(attention-[a-z-]+-[0-9a-f]{16}\.json|manifest\.json)\.partial-[0-9a-f]{12}$/;

/**
 * Puts artefacts into a package, in place of those of the same kinds. Each has a file of its own, whose name follows from its
 * contents; what makes them count is the manifest, which is replaced in one move. So a package has either all of them or those it
 * had before, whenever this ends. One process at a time may write to a package.
 *
 * @returns the package as it is then.
 * @throws AppError `ATTENTION_ARTEFACT` for contents that do not fit the model, `PACKAGE_NOT_WRITABLE`; those of `openPackage`.
 */
export async function writeArtefacts(dir: string, contents: readonly ArtefactContent[]): Promise<ModelPackage> {
  try {
    const { manifest, dir: root } = await openPackage(dir);
    const written: Partial<Record<ArtefactKind, PackagedArtefact>> = {};
    for (const content of contents) written[content.kind] = await writeArtefact(root, content, manifest);
    const all = { ...manifest.artefacts, ...written };
    const listed = artefactKinds.flatMap((kind) => (all[kind] === undefined ? [] : [[kind, all[kind]] as const]));
    // As its reader has it: what is not read is not written, and equal manifests are equal texts.
    const changed = parseManifest({ ...manifest, artefacts: Object.fromEntries(listed) }, join(root, MANIFEST_FILE));
    await replace(root, MANIFEST_FILE, `${JSON.stringify(changed, null, 2)}\n`);
    await removeOthers(root, Object.values(all));
    return await openPackage(root);
  } catch (error) {
    throw diskError(error, 'The artefact', 'PACKAGE_NOT_WRITABLE');
  }
}

async function writeArtefact(
  root: string,
  content: ArtefactContent,
  { shape }: ModelManifest,
): Promise<PackagedArtefact> {
  const text = artefactText(content);
  const { digest } = parseArtefact(content.kind, text, shape);
  const file = `attention-${content.kind}-${digest.slice(0, 16)}.json`;
  await replace(root, file, text);
  return { file, bytes: Buffer.byteLength(text), sha256: digest };
}

/** Writes a file beside its place, and moves it there when it is on the disk. */
async function replace(root: string, name: string, text: string): Promise<void> {
  const partial = join(root, `.${name}.partial-${randomBytes(6).toString('hex')}`);
  const file = await HashedFile.create(partial);
  try {
    await file.append(Buffer.from(text));
    await file.finish();
    await rename(partial, join(root, name));
  } catch (error) {
    await file.abandon();
    await rm(partial, { force: true });
    throw error;
  }
  await syncDirectory(root);
}

/** What no manifest names any more, and what an earlier write left. */
async function removeOthers(root: string, kept: readonly PackagedArtefact[]): Promise<void> {
  const names = new Set(kept.map(({ file }) => file));
  for (const name of await readdir(root)) {
    const stale = (ARTEFACT_FILE.test(name) && !names.has(name)) || PARTIAL.test(name);
    if (stale) await rm(join(root, name), { force: true });
  }
}
