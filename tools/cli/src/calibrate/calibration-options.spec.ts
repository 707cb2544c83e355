import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from '@jest/globals';
import { parseFlags } from '../flags.js';
import { CALIBRATION_FLAGS, calibrationOptions } from './calibration-options.js';
import { importedGates } from './import-gates.js';
import { samplePlans } from './sample-plan.js';

const folder = mkdtempSync(join(tmpdir(), 'longhaul-calibration-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
const options = (argv: readonly string[], contextLength = 8192) =>
  calibrationOptions(parseFlags(argv, CALIBRATION_FLAGS), contextLength);
const shape = {
  ...{ layers: 2, hiddenSize: 8, intermediateSize: 8, heads: 4, kvHeads: 2, headDim: 64, vocabSize: 99 },
};

describe('the flags of a calibration', () => {
  it('ask for everything where nothing is said, in samples that the model reads', () => {
    const { text, ...others } = options([], 2048);
    expect(text).toBeNull();
    expect(others).toEqual({
      ...{ methods: ['heads', 'labels', 'thresholds'], gates: 'copies', tokens: 2048, samples: 4 },
      ...{ stride: 16, recall: 0.95 },
    });
  });

  it.each<[string, string[], RegExp]>([
    ['--methods', ['--methods', 'heads,tails'], /some of heads, labels, thresholds/],
    ['--methods', ['--methods', ''], /some of/],
    ['--gates', ['--gates', 'trained'], /one of copies, early-mass/],
    ['--tokens', ['--tokens', '511'], /from 512 to 8192/],
    ['--tokens', ['--tokens', '8193'], /from 512 to 8192/],
    ['--tokens', ['--tokens', 'many'], /from 512 to 8192/],
    ['--samples', ['--samples', '0'], /from 1 to 256/],
    ['--stride', ['--stride', '5'], /one of 4, 8, 16/],
    ['--recall', ['--recall', '1'], /from 0.5 to 0.999/],
    ['--recall', ['--recall', ''], /from 0.5 to 0.999/],
    ['--text', ['--text', join(folder, 'nowhere')], /nowhere/],
  ])('are refused for a bad %s', (field, argv, message) => {
    expect(() => options(argv)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT', field }));
    expect(() => options(argv)).toThrow(message);
  });

  it('are refused for a model that reads less than a sample', () => {
    expect(() => options([], 256)).toThrow(expect.objectContaining({ field: '--tokens' }));
  });

  it('take a text, and know it by its contents', () => {
    const first = options(['--text', file('a.txt', 'one')]).text;
    const second = options(['--text', file('b.txt', 'one')]).text;
    expect(first).toMatchObject({ name: 'a.txt', text: 'one', digest: second?.digest });
  });
});

describe('what is measured', () => {
  const kinds = (...argv: string[]) => samplePlans(options(argv), { shape }).map(({ kind }) => kind);

  it('is what the methods need', () => {
    expect(kinds()).toEqual(['copies', 'text']);
    expect(kinds('--methods', 'heads')).toEqual(['copies']);
    expect(kinds('--methods', 'heads', '--gates', 'early-mass')).toEqual(['text']);
    expect(kinds('--methods', 'labels')).toEqual(['text']);
  });

  it('looks back to copies from behind the first one', () => {
    const [plan] = samplePlans(options(['--tokens', '4095', '--methods', 'heads']), { shape });
    expect(plan).toMatchObject({ tokens: 4092, probe: { fromPosition: 1023, products: false, stride: 0 } });
    expect([...(plan?.probe.distances ?? [])]).toEqual([1023, 2046, 3069, 1022, 2045, 3068]);
  });

  it('asks of texts no more than the methods need', () => {
    const [plan] = samplePlans(options(['--methods', 'thresholds', '--stride', '8']), { shape });
    expect(plan?.probe).toMatchObject({ stride: 8, products: false, means: false, distances: new Int32Array() });
  });
});

describe("gates of DuoAttention's authors", () => {
  const pattern = '0.5\t1.0\n-0.1\t0.25\n';

  it('come in with what they were trained with', () => {
    const path = file('full_attention_heads.tsv', pattern);
    file('config.json', JSON.stringify({ sink_size: 128, recent_size: 256, seed: 42 }));
    expect(importedGates(path, { shape })).toEqual({
      kind: 'gates',
      source: 'DuoAttention, full_attention_heads.tsv, trained with a sink of 128 and a window of 256 tokens',
      gates: [
        [0.5, 1],
        [0, 0.25],
      ],
    });
  });

  it.each(['no JSON', '{"sink_size": "many"}', '[]'])('come in without that where config.json is %s', (config) => {
    const path = file('full_attention_heads.tsv', pattern);
    file('config.json', config);
    expect(importedGates(path, { shape })).toMatchObject({ source: 'DuoAttention, full_attention_heads.tsv' });
  });

  it.each<[string, string, RegExp]>([
    ['of another model', '0.5\t1.0\n', /full_attention_heads.tsv is not for 2 layers of 2 KV heads/],
    ['with other heads', '0.5\n1\n', /not for 2 layers of 2 KV heads/],
    ['that is no pattern', 'hello\n', /no number in line 1/],
  ])('are refused where they are %s', (_, text, message) => {
    expect(() => importedGates(file('full_attention_heads.tsv', text), { shape })).toThrow(message);
    expect(() => importedGates(join(folder, 'none.tsv'), { shape })).toThrow(
      expect.objectContaining({ field: '--import-heads' }),
    );
  });
});
