import { describe, expect, it } from '@jest/globals';
import { policyBounds } from './bounds.js';
import { parsePolicy, parsePolicyText } from './parse-policy.js';
import { DENSE } from './presets.js';

const quest = {
  name: 'my-quest',
  plans: [
    {
      phase: 'decode',
      layers: [{ from: 2 }],
      branches: [
        { range: 'sink', tokens: 16 },
        {
          range: 'middle',
          unit: { kind: 'page', tokens: 16 },
          scorer: { phi: 'relu-split', channel: { kind: 'key-bounds' } },
          selector: { rule: 'top-k', tokens: 4096 },
        },
      ],
    },
  ],
};

/** `quest` with a value put at a place. */
function withAt(place: string, value: unknown): unknown {
  const copy = structuredClone(quest);
  const path = place.split('.');
  const last = path.pop() ?? '';
  const target = path.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
  target[last] = value;
  return copy;
}

describe('a policy in JSON', () => {
  it('is read as it was written, by name or written out', () => {
    expect(parsePolicy('attention', quest)).toEqual(quest);
    expect(parsePolicyText('attention', JSON.stringify(quest))).toEqual(quest);
    expect(parsePolicy('attention', 'balanced')).toEqual({ preset: 'balanced' });
    expect(parsePolicy('attention', { preset: 'fast', dense_below: 0 })).toEqual({ preset: 'fast', dense_below: 0 });
  });

  it('may say what an audit holds it to, by name too', () => {
    for (const policy of [
      { ...quest, audit: { least_recall: 0.9, most_kl: 0.1 } },
      { preset: 'fast', audit: { least_recall: 0 } },
    ]) {
      expect(parsePolicy('attention', policy)).toEqual(policy);
    }
    expect(() => parsePolicy('attention', { preset: 'fast', audit: { least_recall: -1 } })).toThrow(
      expect.objectContaining({ field: 'attention.audit.least_recall' }),
    );
  });

  it('that is dense is one value, however it was written', () => {
    for (const dense of ['dense', { preset: 'dense' }, { preset: 'dense', dense_below: 7 }]) {
      expect(parsePolicy('attention', dense)).toBe(DENSE);
    }
  });

  it.each<[string, unknown, string, RegExp]>([
    ['plans', [], '', /./],
    ['plans', {}, '.plans', /must be a list/],
    ['name', 'Not Good', '.name', /must be 1 to 64 of/],
    ['skip_softmax', -1, '.skip_softmax', /from 0 to 100/],
    ['on_missing_artefact', 'guess', '.on_missing_artefact', /one of refuse, dense/],
    ['audit', 0.5, '.audit', /must be an object/],
    ['audit', { least_recall: 1.5 }, '.audit.least_recall', /number from 0 to 1/],
    ['audit', { most_kl: 101 }, '.audit.most_kl', /number from 0 to 100/],
    ['audit', { most_recall: 1 }, '.audit.most_recall', /no field of a policy/],
    ['surprise', 1, '.surprise', /no field of a policy/],
    ['plans.0.phase', 'both', '.plans[0].phase', /one of prefill, decode/],
    ['plans.0.layers', [{ from: -1 }], '.plans[0].layers[0].from', /whole number from 0/],
    ['plans.0.kv_heads', [0.5], '.plans[0].kv_heads[0]', /whole number/],
    ['plans.0.branches', [], '.plans[0].branches', /at least 1/],
    ['plans.0.branches.0.range', 'past', '.plans[0].branches[0].range', /one of sink, window, middle, all/],
    ['plans.0.branches.0.tokens', 2 ** 25, '.plans[0].branches[0].tokens', /from 0 to 16777216/],
    ['plans.0.branches.1.selector', undefined, '.plans[0].branches[1].selector', /must be an object/],
    ['plans.0.branches.1.selector', {}, '.plans[0].branches[1].selector.rule', /must be one of all/],
    ['plans.0.branches.1.selector.tokens', 0, '.plans[0].branches[1].selector.tokens', /from 1 to 16777216/],
    ['plans.0.branches.1.selector.mass', 0.5, '.plans[0].branches[1].selector.mass', /no field/],
    ['plans.0.branches.1.selector', { rule: 'top-cdf', mass: 0 }, '.plans[0].branches[1].selector.mass', /above 0/],
    ['plans.0.branches.1.unit.tokens', 24, '.plans[0].branches[1].unit.tokens', /multiple of 16/],
    ['plans.0.branches.1.scorer.phi', 'magic', '.plans[0].branches[1].scorer.phi', /one of relu-split/],
    ['plans.0.branches.1.scorer.radius', 1.5, '.plans[0].branches[1].scorer.radius', /from 0 to 1/],
    ['plans.0.branches.1.scorer.channel', { kind: 'keys' }, '.plans[0].branches[1].scorer.channel.kind', /key-bounds/],
    ['plans.0.branches.1.reuse', { kind: 'every', steps: 0 }, '.plans[0].branches[1].reuse.steps', /from 1 to 256/],
    ['plans.0.branches.1.rope', 'R1', '.plans[0].branches[1].rope', /must be R0/],
  ])('with %s set to %j is refused at attention%s', (place, value, field, message) => {
    const read = () => parsePolicy('attention', withAt(place, value));
    if (field === '') expect(read).not.toThrow();
    else {
      expect(read).toThrow(expect.objectContaining({ reason: 'INVALID_ARGUMENT', field: `attention${field}` }));
      expect(read).toThrow(message);
    }
  });

  it.each([null, 7, [], true, 'quest', '', '__proto__', 'x'.repeat(1e6), { preset: 'toString' }, { preset: null }])(
    'that is none is refused with those that there are: %#',
    (value) => {
      expect(() => parsePolicy('attention', value)).toThrow(/dense, balanced, fast/);
    },
  );

  it('is bounded: in its text, and in every list', () => {
    const { bytes, plans } = policyBounds;
    expect(() => parsePolicyText('attention', ' '.repeat(bytes + 1))).toThrow(/at most 16384/);
    const many = Array.from({ length: plans + 1 }, () => quest.plans[0]);
    expect(() => parsePolicy('attention', { plans: many })).toThrow(/at most 64 entries/);
    const long = Array.from({ length: plans }, () => ({ ...quest.plans[0], kv_heads: Array(200).fill(1) as number[] }));
    expect(() => parsePolicy('attention', { plans: long })).toThrow(/characters of JSON/);
  });

  it('that is no JSON is refused', () => {
    for (const text of ['', '{', 'dense', 'undefined']) {
      expect(() => parsePolicyText('longhaul.attention', text)).toThrow(
        expect.objectContaining({ field: 'longhaul.attention', message: 'longhaul.attention is not JSON.' }),
      );
    }
  });
});
