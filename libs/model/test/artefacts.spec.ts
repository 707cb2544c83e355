import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ArtefactContent } from '@longhaul/attention';
import { readArtefacts } from '../src/artefacts/read-artefacts.js';
import { writeArtefacts } from '../src/artefacts/write-artefacts.js';
import { importCheckpoint } from '../src/import/import-model.js';
import type { ModelManifest } from '../src/manifest.js';
import { openPackage } from '../src/package/open-package.js';
import { fakeCheckpoint } from './fake-checkpoint.js';

let work = '';
let out = '';
let manifest: ModelManifest;
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'longhaul-artefacts-'));
  out = join(work, 'tiny');
  manifest = await importCheckpoint(fakeCheckpoint(), { source: 'tiny-source', out, weights: 'int8' });
});
afterEach(() => rm(work, { recursive: true, force: true }));

const gates = (gate: number): ArtefactContent => {
  const { layers, kvHeads } = manifest.shape;
  const all = Array.from({ length: layers }, () => Array<number>(kvHeads).fill(gate));
  return { kind: 'gates', source: 'a test', gates: all };
};
const thresholds = (): ArtefactContent => {
  const { layers, kvHeads } = manifest.shape;
  const all = Array.from({ length: layers }, () => Array<number>(kvHeads).fill(0.5));
  return { kind: 'xattention-thresholds', source: 'a test', stride: 16, thresholds: all };
};
const artefactFiles = async (): Promise<string[]> => (await readdir(out)).filter((name) => name.includes('attention-'));
const editManifest = async (edit: (json: ModelManifest) => void): Promise<void> => {
  const path = join(out, 'manifest.json');
  const json = JSON.parse(await readFile(path, 'utf8')) as ModelManifest;
  edit(json);
  await writeFile(path, JSON.stringify(json));
};

describe('artefacts of a package', () => {
  it('are none before it is calibrated, and then what was written', async () => {
    expect(await readArtefacts(await openPackage(out))).toEqual({});
    const written = await writeArtefacts(out, [gates(0.25), thresholds()]);
    expect(written).toEqual(await openPackage(out, { verify: true }));
    const { gates: read, 'xattention-thresholds': others } = await readArtefacts(written);
    expect(read).toMatchObject({ kind: 'gates', digest: written.manifest.artefacts?.gates?.sha256 });
    expect(read?.gates.flat().every((gate) => gate === 0.25)).toBe(true);
    expect(others?.stride).toBe(16);
  });

  it('change nothing that decides KV', async () => {
    const { fingerprint } = manifest;
    const written = await writeArtefacts(out, [gates(0.25)]);
    expect(written.manifest.fingerprint).toBe(fingerprint);
    expect({ ...written.manifest, artefacts: undefined }).toEqual({ ...manifest, artefacts: undefined });
  });

  it('take the place of those of their kind, and of no others', async () => {
    await writeArtefacts(out, [gates(0.25), thresholds()]);
    const first = await artefactFiles();
    const written = await writeArtefacts(out, [gates(0.75)]);
    expect((await readArtefacts(written)).gates?.gates[0]?.[0]).toBe(0.75);
    expect(Object.keys(written.manifest.artefacts ?? {})).toHaveLength(2);
    const second = await artefactFiles();
    expect(second).toHaveLength(2);
    expect(second.filter((name) => first.includes(name))).toHaveLength(1);
  });

  it('leave the same package where they are the same', async () => {
    await writeArtefacts(out, [gates(0.25)]);
    const before = await readFile(join(out, 'manifest.json'), 'utf8');
    await writeArtefacts(out, [gates(0.25)]);
    expect(await readFile(join(out, 'manifest.json'), 'utf8')).toBe(before);
  });

  it('of an earlier write that did not end count for nothing, and go with the next one', async () => {
    await writeFile(join(out, 'attention-gates-0123456789abcdef.json'), '{}');
    await writeFile(join(out, '.attention-gates-0123456789abcdef.json.partial-0123456789ab'), '{');
    expect(await readArtefacts(await openPackage(out))).toEqual({});
    await writeArtefacts(out, [gates(0.25)]);
    expect(await artefactFiles()).toHaveLength(1);
  });

  it.each<[string, (file: string) => Promise<void>, RegExp]>([
    ['that was changed', (file) => writeFile(file, '{"format": "x"}'), /has other contents/],
    ['that is missing', (file) => rm(file), /is missing/],
    ['that is empty', (file) => writeFile(file, ''), /cannot be read/],
  ])('%s is refused with its path and with what makes it anew', async (_, damage, message) => {
    const { manifest: written } = await writeArtefacts(out, [gates(0.25)]);
    const file = join(out, written.artefacts?.gates?.file ?? '');
    await damage(file);
    // The package itself is as sound as before: calibrating it anew mends it.
    const opened = await openPackage(out, { verify: true });
    const reading = readArtefacts(opened);
    await expect(reading).rejects.toMatchObject({
      reason: 'ATTENTION_ARTEFACT',
      message: expect.stringMatching(message),
    });
    await expect(readArtefacts(opened)).rejects.toThrow(file);
    await expect(readArtefacts(opened)).rejects.toThrow(/longhaul model calibrate/);
    await expect(readArtefacts(await writeArtefacts(out, [gates(0.25)]))).resolves.toHaveProperty('gates');
  });

  it('of another model are not written', async () => {
    const other = { ...gates(0.25), gates: [[1]] } as ArtefactContent;
    await expect(writeArtefacts(out, [other])).rejects.toMatchObject({ reason: 'ATTENTION_ARTEFACT' });
    expect((await openPackage(out)).manifest.artefacts).toBeUndefined();
  });

  it('of another kind than the manifest says are refused', async () => {
    await writeArtefacts(out, [gates(0.25)]);
    await editManifest((json) => {
      const { gates: file } = json.artefacts ?? {};
      if (file !== undefined) json.artefacts = { 'label-channels': file };
    });
    await expect(readArtefacts(await openPackage(out))).rejects.toThrow(/of the kind gates and not label-channels/);
  });

  it.each(['../weights.bin', 'weights.bin', 'attention-gates-0123456789ABCDEF.json'])(
    'under the name %s make the manifest a damaged one',
    async (file) => {
      await editManifest((json) => (json.artefacts = { gates: { file, bytes: 1, sha256: 'a'.repeat(64) } }));
      await expect(openPackage(out)).rejects.toMatchObject({ reason: 'PACKAGE_CORRUPT' });
    },
  );
});
