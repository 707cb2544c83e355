import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, describe, expect, it } from '@jest/globals';
import { addonPath, onnxRuntimePath } from '../src/locate.js';
import { encodeGraph, TestFolder } from './support/graph.js';
import { slowGraph } from './support/simple-graphs.js';

const folder = new TestFolder();
const graph = folder.write('slow.onnx', encodeGraph(slowGraph(2000)));
afterAll(() => folder.remove());

/** Starts a step that takes about a second, in a process or a worker of it; `end` then says how that ends. */
function script(end: string): string {
  return `
    const { Worker } = require('node:worker_threads');
    function start() {
      const { readFileSync } = require('node:fs');
      const holder = { exports: {} };
      process.dlopen(holder, ${JSON.stringify(addonPath())});
      const addon = holder.exports;
      addon.load(${JSON.stringify(onnxRuntimePath())});
      const pool = new addon.KvPool({ layers: 1, kvHeads: 1, headDim: 32, pages: 64, dtype: 'bf16' });
      const model = new addon.Model({ graph: readFileSync(${JSON.stringify(graph)}), weightsDir: '', threads: 2, spin: true });
      const ids = Int32Array.from({ length: 256 }, (_, i) => i);
      const step = () => model.step(pool, {
        tokenIds: ids, cuSeqlens: Int32Array.of(0, 256), pastLens: Int32Array.of(0), blockTable: ids.slice(0, 16),
        blockTableWidth: 16, ropeInvFreq: new Float32Array(0), ropeScale: new Float32Array(0), ropeClasses: 0,
        logitRows: Int32Array.of(255), samples: [], scores: [], wantLogits: false,
      });
      return { model, pool, step };
    }
    ${end}
  `;
}

const run = promisify(execFile);

/** Standard output; rejects on another exit status than 0, on a signal, and on anything on standard error. */
async function outputOf(end: string): Promise<string> {
  const { stdout, stderr } = await run(process.execPath, ['-e', script(end)], { timeout: 30_000 });
  expect(stderr).toBe('');
  return stdout;
}

describe('the process', () => {
  it('ends cleanly in the middle of a step', async () => {
    const end = `const { model, step } = start();
      model.ready.then(() => { step(); setTimeout(() => { console.log('bye'); process.exit(0); }, 20); });`;
    expect(await outputOf(end)).toBe('bye\n');
  });

  it('ends cleanly while a model loads', async () => {
    expect(await outputOf(`start(); console.log('bye'); process.exit(0);`)).toBe('bye\n');
  });

  it('is not kept alive by a listener of the log, and ends cleanly with one', async () => {
    const end = (last: string) => `const { model, step } = start();
      const holder = { exports: {} };
      process.dlopen(holder, ${JSON.stringify(addonPath())});
      holder.exports.followLog(() => undefined);
      model.ready.then(() => { step(); ${last} console.log('bye'); });`;
    expect(await outputOf(end(''))).toBe('bye\n');
    expect(await outputOf(end(`setTimeout(() => process.exit(0), 20);`))).toBe('bye\n');
  });

  it('stays until a step has ended, and not longer, without any disposal', async () => {
    const end = `const { model, step } = start(); model.ready.then(step).then(() => console.log('done'));`;
    expect(await outputOf(end)).toBe('done\n');
  });

  it('survives the end of a worker in the middle of a step', async () => {
    const inWorker = `
      const source = 'const start = ' + start.toString() + '; const { parentPort } = require("node:worker_threads");' +
        'const { model, step } = start(); model.ready.then(() => { step(); parentPort.postMessage("running"); });';
      const worker = new Worker(source, { eval: true });
      worker.on('message', async () => {
        await worker.terminate();
        const { model, step } = start();
        await model.ready;
        await step();
        await model.dispose();
        console.log('still here');
      });`;
    expect(await outputOf(inWorker)).toBe('still here\n');
  });
});
