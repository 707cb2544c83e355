import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { importCheckpoint, importModel, loadGraph, openPackage, PACKAGE_VERSION } from '../src/index.js';
import type { StoredWeight } from '../src/graph/stored-weight.js';
import { encodeWeightIndex, parseWeightIndex } from '../src/package/weight-index.js';
import { fakeCheckpoint } from './fake-checkpoint.js';
import { readGolden } from './goldens.js';

let work = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'longhaul-graph-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

describe('loadGraph', () => {
  it('needs no graph in the package, and writes nothing there', async () => {
    const out = join(work, 'tiny');
    await importCheckpoint(fakeCheckpoint(), { source: 's', out, weights: 'int8' });
    const { graph, weightsDir } = await loadGraph(await openPackage(out));
    expect(weightsDir).toBe(out);
    expect(graph.byteLength).toBeGreaterThan(0);
    const files = ['chat_template.jinja', 'manifest.json', 'tokenizer.json', 'tokenizer_config.json'];
    expect((await readdir(out)).sort()).toEqual([...files, 'weights.bin', 'weights.json']);
  });

  /** KV is kept under a fingerprint that names the version and not the graph: another graph needs another version. */
  it.each([
    ['gemma3', 'f32', 'cf4f3787c324e01e8888f685e783abb390267950f281248140fcc031e546bde7'],
    ['qwen3', 'int8', '076a1aa6828701b2a82b4a3ecf5cf25f3f3d38f878f2a18aa48c57b4d5e55c14'],
    ['smollm3', 'int4', '3821cce54f22949ca0e93d699bd134e10d87e17138bdc18f97599dc6c90ef222'],
  ] as const)(`builds the graph of version ${PACKAGE_VERSION}: %s in %s`, async (name, weights, digest) => {
    const { dir } = await readGolden(name);
    const out = join(work, name);
    await importModel({ source: dir, out, weights });
    const { graph } = await loadGraph(await openPackage(out));
    expect(createHash('sha256').update(graph).digest('hex')).toBe(digest);
  });
});

describe('weights.json', () => {
  const norm: StoredWeight = { name: 'a', format: 'f32', rows: 16, columns: null, offset: 0, scalesOffset: null };
  const packed: StoredWeight = { name: 'b', format: 'int8', rows: 16, columns: 32, offset: 64, scalesOffset: 576 };
  const BYTES = 608;
  const parse = (weights: readonly object[], bytes = BYTES) => parseWeightIndex({ weights }, bytes);

  it('gives back what was written', () => {
    const json: unknown = JSON.parse(new TextDecoder().decode(encodeWeightIndex([norm, packed])));
    expect(parseWeightIndex(json, BYTES)).toEqual([norm, packed]);
  });

  it.each<[string, readonly object[], RegExp]>([
    ['no weights', [], /weights/],
    ['an offset off the grid', [{ ...norm, offset: 4 }], /weights\.0\.offset/],
    ['a weight over another', [norm, { ...packed, offset: 0 }], /places b over another or outside/],
    ['a weight beyond the file', [norm, { ...packed, rows: 17 }], /places b over another or outside/],
    ['a name twice', [norm, { ...packed, name: 'a' }], /names a twice/],
    ['packed values without scales', [{ ...packed, scalesOffset: null }], /against its format/],
    ['f32 values with scales', [{ ...norm, scalesOffset: 64 }], /against its format/],
    ['rows that are no whole blocks', [{ ...packed, columns: 33 }], /multiple of 32/],
    ['a fact that is unknown', [{ ...norm, zero: 1 }], /zero/i],
    ['a negative number of rows', [{ ...norm, rows: -1 }], /weights\.0\.rows/],
  ])('is refused with %s', (_, weights, message) => {
    expect(() => parse(weights)).toThrow(message);
  });
});
