import { describe, expect, it } from '@jest/globals';
import { loadEngine, type RuntimeLogLine } from '../src/index.js';
import { floats, inMemory } from './support/graph.js';
import { tableGraph } from './support/simple-graphs.js';
import { anyPool, randomFloats, stepOf } from './support/steps.js';

const WIDTH = 8;
const ROWS = 16;
const engine = await loadEngine();

/** The first line of this kind with this text, among those not read yet and those to come. */
function lineWith(severity: RuntimeLogLine['severity'], text: string): Promise<RuntimeLogLine> {
  return new Promise((resolve) => {
    const stop = engine.followLog((lines) => {
      const found = lines.find((line) => line.severity === severity && line.message.includes(text));
      if (!found) return;
      stop();
      resolve(found);
    });
  });
}

async function open(unused?: string) {
  const graph = tableGraph(randomFloats(7, ROWS * WIDTH), WIDTH);
  const more = unused === undefined ? [] : [floats(unused, [1], Float32Array.of(1))];
  const initializers = [...(graph.initializers ?? []), ...more];
  const model = engine.createModel({
    ...inMemory({ ...graph, initializers }),
    threads: 1,
    spin: false,
  });
  await model.ready;
  return model;
}

describe("ONNX Runtime's log lines", () => {
  it('reach a listener with severity, origin and text', async () => {
    const warned = lineWith('warning', 'left_over');
    const model = await open('left_over');
    expect(await warned).toMatchObject({ location: expect.stringMatching(/\.cc:\d+/), category: expect.any(String) });
    await model.dispose();
  });

  it('tell of a step that failed, beside its error', async () => {
    const pool = anyPool(engine);
    const model = await open();
    const told = lineWith('error', 'Gather');
    const outside = stepOf(1, { tokenIds: Int32Array.of(ROWS) });
    await expect(model.step(pool, outside)).rejects.toMatchObject({ code: expect.any(String) });
    expect((await told).message).toContain('out of data bounds');
    await model.dispose();
    pool.dispose();
  });

  it('wait for the first listener', async () => {
    const model = await open('written_before');
    await lineWith('warning', 'written_before');
    await model.dispose();
  });

  it('reach a listener that stops right after, as far as they were written', async () => {
    const seen: string[] = [];
    const stop = engine.followLog((lines) => seen.push(...lines.map(({ message }) => message)));
    const model = await open('just_in_time');
    stop();
    expect(seen.join('\n')).toContain('just_in_time');
    await model.dispose();
  });

  it('reach every listener, and none that has stopped', async () => {
    let stoppedHeard = 0;
    engine.followLog(() => stoppedHeard++)();
    const both = Promise.all([lineWith('warning', 'for_both'), lineWith('warning', 'for_both')]);
    const model = await open('for_both');
    expect(await both).toHaveLength(2);
    expect(stoppedHeard).toBe(0);
    await model.dispose();
  });
});
