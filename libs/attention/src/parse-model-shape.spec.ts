import { describe, expect, it } from '@jest/globals';
import type { ModelShape } from './model-shape.js';
import { parseModelShape } from './parse-model-shape.js';
import { artefactsFor, calibrated } from './testing/artefacts.js';
import { shapes } from './testing/shapes.js';

const shape = shapes['needle-3m'];

/** As another process would have it. */
function sent(value: unknown): ModelShape {
  return parseModelShape('shape', JSON.parse(JSON.stringify(value)));
}

describe('the shape of a model in JSON', () => {
  it.each(Object.entries(shapes))('of %s is read as it was written, artefacts included', (_, model) => {
    const withoutArtefacts = 'served otherwise';
    for (const value of [model, { ...calibrated(model), package: 'p' }, { ...model, withoutArtefacts }])
      expect(sent(value)).toEqual(value);
  });

  it('of a later version may say more, which is left out', () => {
    expect(sent({ ...shape, surprise: 1 })).toEqual(shape);
  });

  const made = artefactsFor(shape);
  const gates = { ...made.gates, gates: [[1, 1]] };
  const channels = made['label-channels'].channels.map((row) => row.map(() => [3, 64]));
  it.each<[string, object, RegExp]>([
    ['', [], /^shape must be an object/],
    ['.layers', { layers: 0 }, /from 1 to 1024/],
    ['.layers', { layers: 1e9 }, /from 1 to 1024/],
    ['.headDim', { headDim: 0.5 }, /whole number/],
    ['.heads', { heads: 3 }, /is 3, no multiple of its 2 KV heads/],
    ['.windows', { windows: [0] }, /has 1 entries for 4 layers/],
    ['.windows[1]', { windows: [0, -1, 0, 0] }, /from 0 to/],
    ['.kvDtype', { kvDtype: 'x'.repeat(33) }, /at most 32 characters/],
    ['.channels[0]', { channels: ['magic'] }, /must be key-bounds/],
    ['.channels', { channels: ['key-bounds', 'key-bounds'] }, /at most 1 entries/],
    ['.artefacts', { artefacts: null }, /must be an object/],
    ['.artefacts.gates.digest', { artefacts: { gates: { ...made.gates, digest: 'd' } } }, /must be a SHA-256/],
    ['.artefacts.gates.gates[0][0]', { artefacts: { gates: { ...gates, gates: [[2]] } } }, /from 0 to 1/],
    ['.artefacts.gates', { artefacts: { gates } }, /is not for 4 layers of 2 KV heads/],
    [
      '.artefacts.label-channels',
      { artefacts: { 'label-channels': { ...made['label-channels'], channels } } },
      /distinct dimensions below 64/,
    ],
  ])('is refused at shape%s with %j', (place, change, message) => {
    const read = () => sent(Array.isArray(change) ? change : { ...shape, ...change });
    expect(read).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field: `shape${place}` }));
    expect(read).toThrow(message);
  });
});
