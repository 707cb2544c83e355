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
    ['gemma3', 'f32', '3550d1b28cd9a60bf10d648e450590370eb67981ecd15c308630d9965d74dad4'],
    ['qwen3', 'int8', 'be5e7c5b712b37b82f0c488d92952031bb3a35715db13d6be758365f4991e25e'],
    ['smollm3', 'int4', '56fa668b4ef69afbdaddd4f5bf8cd7000a69e65b345d477b731a38e790972f87'],
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
