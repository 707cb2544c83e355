import { describe, expect, it } from '@jest/globals';
import { artefactsFor } from '../testing/artefacts.js';
import { shapes } from '../testing/shapes.js';
import type { ArtefactContent } from './artefact-schema.js';
import { parseDuoPattern } from './duo-pattern.js';
import { artefactText, parseArtefact } from './parse-artefact.js';

const shape = shapes['needle-3m'];
const made = artefactsFor(shape);
const contents = [made.gates, made['label-channels'], made['xattention-thresholds']].map(
  ({ digest: _digest, ...content }) => ({
    ...structuredClone(content),
    source: 'a test',
  }),
) as ArtefactContent[];
const [gates] = contents as [Extract<ArtefactContent, { kind: 'gates' }>];

describe('an artefact', () => {
  it.each(contents.map((content) => [content.kind, content] as const))(
    '%s is read as it was written',
    (kind, content) => {
      const text = artefactText(content);
      const { digest: _digest, ...read } = parseArtefact(`${kind}.json`, text, shape);
      const { source: _source, ...written } = content;
      expect(read).toEqual(written);
    },
  );

  it('has a digest that its bytes decide', () => {
    const digestOf = (content: ArtefactContent) => parseArtefact('a', artefactText(content), shape).digest;
    expect(digestOf(gates)).toMatch(/^[0-9a-f]{64}$/);
    expect(digestOf(gates)).toBe(digestOf(structuredClone(gates)));
    expect(digestOf({ ...gates, gates: gates.gates.map((row) => row.map(() => 1)) })).not.toBe(digestOf(gates));
  });

  it.each<[string, string, RegExp]>([
    ['no JSON', '{', /is not JSON/],
    ['of no kind', JSON.stringify({ format: 'x' }), /is wrong at/],
    ['of another version', artefactText(gates).replace('"version":1', '"version":2'), /is wrong at version/],
    ['with a gate above 1', artefactText({ ...gates, gates: [[2]] }), /is wrong at gates\.0\.0/],
    [
      'of a model with more layers',
      artefactText({ ...gates, gates: [...gates.gates, [1, 1]] }),
      /not for 4 layers of 2/,
    ],
    [
      'of a model with fewer heads',
      artefactText({ ...gates, gates: gates.gates.map(() => [1]) }),
      /not for 4 layers of 2/,
    ],
    [
      'with a dimension twice',
      artefactText({ kind: 'label-channels', source: '', channels: gates.gates.map((row) => row.map(() => [1, 1])) }),
      /distinct dimensions below 64/,
    ],
    [
      'with a dimension that a head does not have',
      artefactText({ kind: 'label-channels', source: '', channels: gates.gates.map((row) => row.map(() => [64])) }),
      /distinct dimensions below 64/,
    ],
  ])('%s is refused with what is wrong and what makes another', (_, text, message) => {
    const read = () => parseArtefact('gates.json', text, shape);
    expect(read).toThrow(message);
    expect(read).toThrow(expect.objectContaining({ reason: 'ATTENTION_ARTEFACT' }));
    expect(read).toThrow(/^The artefact gates\.json .* Make it anew with `longhaul model calibrate`\.$/);
  });
});

describe("a pattern of DuoAttention's authors", () => {
  it('becomes gates from 0 to 1, a line for each layer', () => {
    const text = '-9.5e-05\t1.000000000000000000e+00\n5.585937500000000000e-01\t1.01e+00\n';
    expect(parseDuoPattern('full_attention_heads.tsv', text)).toEqual({
      kind: 'gates',
      source: 'DuoAttention, full_attention_heads.tsv',
      gates: [
        [0, 1],
        [0.55859375, 1],
      ],
    });
  });

  it.each([
    ['', /no number in line 1|is empty/],
    ['1\t2\n1\n', /another number of heads in line 2/],
    ['1\tx\n', /no number in line 1: "x"/],
    ['1\t\t1\n', /no number in line 1/],
    ['nan\t1\n', /no number/],
    ['inf\t1\n', /no number/],
  ])('%j is refused', (text, message) => {
    expect(() => parseDuoPattern('p.tsv', text)).toThrow(message);
  });
});
