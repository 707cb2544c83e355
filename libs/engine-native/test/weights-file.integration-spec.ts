import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { ElementType } from '@longhaul/onnx';
import { loadEngine, type NativeModel } from '../src/index.js';
import { encodeGraph, TestFolder, type TestGraph } from './support/graph.js';
import { tableGraph } from './support/simple-graphs.js';
import { anyPool, randomFloats, stepOf } from './support/steps.js';

const WIDTH = 64;
const ROWS = 64;
const OFFSET = 4096;
const table = randomFloats(5, ROWS * WIDTH);
const folder = new TestFolder();
const engine = await loadEngine();

const file = new Uint8Array(OFFSET + table.byteLength);
file.set(new Uint8Array(table.buffer), OFFSET);
folder.write('weights.bin', file);
afterAll(() => folder.remove());

/** A graph whose table lies in a file. */
function graphOn(location: string, length = table.byteLength): TestGraph {
  const data = { kind: 'external' as const, location, offset: OFFSET, length };
  const initializers = [{ name: 'table', type: ElementType.float, dims: [ROWS, WIDTH], data }];
  return { ...tableGraph(table, WIDTH), initializers };
}

function open(graph: TestGraph, weightsDir = folder.path): NativeModel {
  return engine.createModel({ graph: encodeGraph(graph), weightsDir, threads: 1, spin: false });
}

describe('weights in a file', () => {
  it.each([
    ['in the folder', () => folder.path],
    [
      'in a folder behind a link',
      () => {
        const link = `${folder.path}-link`;
        symlinkSync(folder.path, link);
        return link;
      },
    ],
  ])('are read from where the graph in memory says, %s', async (_, dir) => {
    const pool = anyPool(engine);
    const model = open(graphOn('weights.bin'), dir());
    await model.ready;
    expect((await model.step(pool, stepOf(ROWS))).logits).toEqual(table);
    await model.dispose();
    pool.dispose();
  });

  it.each([
    ['is not there', graphOn('missing.bin'), /missing\.bin/],
    ['is shorter than the graph says', graphOn('weights.bin', 2 * table.byteLength), /table/],
    ['lies outside the folder', graphOn(join('..', 'weights.bin')), /weights\.bin/],
  ])('are refused when the file %s, with its name or the weight', async (_, graph, message) => {
    const model = open(graph);
    await expect(model.ready).rejects.toMatchObject({ message: expect.stringMatching(message) });
    await model.dispose();
  });
});
