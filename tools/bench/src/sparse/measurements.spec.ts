import { describe, expect, it } from '@jest/globals';
import { type BenchCase, type Measured } from '../cases.js';
import { type PairedPrompt } from '../cold-prompt.js';
import { type Engines, type Who } from './engines.js';
import { type Attender, decodeAt, Measurements, prefillAt } from './measurements.js';
import { PeerFailure } from './peer-failure.js';

const FA: Who = 'llama.cpp, fa on';
const sparse: Attender = { who: 'int8', sparsity: { density: 0.25 } };
const dense: Attender = { who: 'int8', sparsity: 'dense' };
const llama: Attender = { who: FA, sparsity: 'dense' };

/** Rates that say where they were measured: 1 / (1 + depth) tokens a second, and twice that at a density. */
class FakeEngines implements Engines {
  readonly trace: string[] = [];
  clockMs = 0;
  readonly broken = new Set<Who>();

  side(who: Who): ReturnType<Engines['side']> {
    if (this.broken.has(who)) return Promise.reject(new Error('no such library'));
    return Promise.resolve({
      measure: (benchCase) => this.#measure(who, benchCase),
      readPaired: (prompt) => this.#read(who, prompt),
    });
  }

  openVino(): Promise<Measured> {
    return Promise.reject(new Error('no such environment'));
  }

  #measure(who: Who, { depth, sparsity }: BenchCase): Promise<Measured> {
    this.trace.push(`${who} ${depth} ${sparsity?.density ?? 'dense'}`);
    this.clockMs += 1000;
    return Promise.resolve({ tokensPerSecond: (sparsity === undefined ? 1 : 2) / (1 + depth), rssBytes: 0 });
  }

  #read(who: Who, { variants }: PairedPrompt): Promise<readonly Measured[]> {
    this.trace.push(`${who} whole ${variants.length}`);
    return Promise.resolve(variants.map((_, i) => ({ tokensPerSecond: i + 1, rssBytes: 0 })));
  }
}

function setUp(rounds = 2): { engines: FakeEngines; measurements: Measurements } {
  const engines = new FakeEngines();
  const options = { rounds, say: () => undefined, now: () => engines.clockMs };
  return { engines, measurements: new Measurements(engines, options) };
}

describe('a group', () => {
  it('is measured in turns, so that all of it meets the same minutes', async () => {
    const { engines, measurements } = setUp();
    await measurements.group([prefillAt(8, sparse), prefillAt(8, dense)]);
    expect(engines.trace).toEqual(['int8 8 0.25', 'int8 8 dense', 'int8 8 0.25', 'int8 8 dense']);
  });

  it('is measured once, whoever asks for it or for a part of it', async () => {
    const { engines, measurements } = setUp(1);
    const group = [decodeAt(8, sparse), decodeAt(8, dense)];
    const first = await measurements.group(group);
    expect(await measurements.group(group)).toBe(first);
    expect(await measurements.one(decodeAt(8, sparse))).toEqual(first[0]);
    expect(engines.trace).toHaveLength(2);
  });

  it('takes what is known of llama.cpp, and measures ours again', async () => {
    const { engines, measurements } = setUp(1);
    await measurements.group([prefillAt(8, sparse), prefillAt(8, llama)]);
    await measurements.group([prefillAt(8, dense), prefillAt(8, llama)]);
    expect(engines.trace).toEqual(['int8 8 0.25', `${FA} 8 dense`, 'int8 8 dense']);
  });

  it('is not measured again once it has taken long', async () => {
    const { engines, measurements } = setUp(100);
    await measurements.group([prefillAt(8, sparse), prefillAt(8, dense)]);
    expect(engines.trace).toHaveLength(8);
  });

  it('fails as a peer where a peer fails, and as what it is where ours does', async () => {
    const { engines, measurements } = setUp();
    engines.broken.add(FA);
    await expect(measurements.group([prefillAt(8, llama)])).rejects.toThrow(PeerFailure);
    await expect(measurements.openVino(8)).rejects.toThrow('OpenVINO GenAI: no such environment');
    engines.broken.add('int8');
    await expect(measurements.group([prefillAt(8, dense)])).rejects.not.toThrow(PeerFailure);
  });
});

describe('a prompt', () => {
  it('is integrated from rates at its depths, both attenders at one depth after the other', async () => {
    const { engines, measurements } = setUp(1);
    const tokens = 32768;
    const [ours = 0, peer = 0] = await measurements.integrated(tokens, [sparse, dense]);
    expect(engines.trace.map((line) => line.split(' ')[1])).toEqual(['0', '0', '16384', '16384', '32256', '32256']);
    expect(ours / peer).toBeCloseTo(2);
    // The time of a token grows with depth until the last chunk begins, and stays there.
    expect(1 / peer).toBeCloseTo((32256 * (1 + 32256 / 2) + 512 * 32257) / tokens);
  });

  it('is read whole in one pass under all kinds of attention, and under none twice', async () => {
    const { engines, measurements } = setUp();
    expect(await measurements.whole('int8', 1024, [{ density: 0.25 }, 'dense'])).toEqual([1, 2]);
    expect(await measurements.whole('int8', 1024, ['dense'])).toEqual([2]);
    expect(engines.trace).toEqual(['int8 whole 2']);
  });
});
