import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { KernelCandidate, KernelChoice, KernelLevel, KernelTable, MeasureRequest } from '@longhaul/engine-native';
import type { ModelManifest } from '@longhaul/model';
import { chooseKernels, type KernelQuestion } from '../src/adapters/kernels/choose-kernels.js';
import { MAX_PROFILES } from '../src/adapters/kernels/profile-folder.js';

const candidates = (...levels: KernelLevel[]): KernelCandidate[] =>
  levels.map((level) => ({ level, needs: [], supported: level !== 'avx512bf16' }));

const kernels = {
  'attention/bf16': candidates('scalar', 'avx2', 'avx512', 'avx512bf16'),
  'attention/f32': candidates('scalar', 'avx2'),
  'linear/int8': candidates('scalar', 'avx2'),
  'linear/int4': candidates('scalar', 'avx2'),
} as unknown as KernelTable;
const processor = { vendor: 'Acme', name: 'Nine', family: 6, model: 9, stepping: 1, features: ['avx2'] };

/** An engine whose levels are the faster the later `fastest` says; counts how often it is asked. */
class FakeEngine {
  readonly #fastest: KernelLevel;
  readonly runtime = { version: '1', providers: [], kernels, processor, tileProblem: '' };
  forcedKernels: KernelChoice | null = null;
  measurements = 0;
  build = 'b'.repeat(64);

  constructor(fastest: KernelLevel = 'avx512') {
    this.#fastest = fastest;
  }

  buildId(): Promise<string> {
    return Promise.resolve(this.build);
  }

  measureKernels({ operators }: MeasureRequest) {
    this.measurements++;
    const rates = operators.flatMap(({ operator, levels }) =>
      levels.map((level) => {
        const rate = level === this.#fastest ? 2 : 1;
        return { operator, level, prefillGops: rate, decodeGbps: rate, runs: 1 };
      }),
    );
    return new Promise<typeof rates>((resolve) => setTimeout(() => resolve(rates), 20));
  }
}

const manifest = {
  fingerprint: 'a'.repeat(64),
  shape: { layers: 2, hiddenSize: 64, intermediateSize: 96, heads: 4, kvHeads: 2, headDim: 32, vocabSize: 100 },
  weights: { scheme: 'int8' },
} as unknown as ModelManifest;

let directory: string;
let warnings: string[];
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'longhaul-kernels-'));
  warnings = [];
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

function ask(engine: FakeEngine, changes: Partial<KernelQuestion['config']> = {}, folder = directory) {
  const config = { kvCacheDtype: 'bf16' as const, threads: 2, ...changes };
  const log = { info: () => undefined, warning: (event: string) => warnings.push(event) };
  return chooseKernels({ engine, manifest, config, log, directory: folder });
}

const records = () => readdirSync(directory).filter((name) => name.endsWith('.json'));
const recordPath = () => join(directory, records()[0] ?? '');
const levels = { 'attention/bf16': 'avx512', 'linear/int8': 'avx2' };

describe('the kernels of a model', () => {
  it('are measured at the first start and read at the next, by any process of the machine', async () => {
    const first = await ask(new FakeEngine());
    expect(first).toMatchObject({ source: 'measured', levels });
    const second = new FakeEngine('avx2');
    expect(await ask(second)).toEqual({ ...first, source: 'stored' });
    expect(second.measurements).toBe(0);
    expect(warnings).toEqual([]);
  });

  it('are measured once by two first starts at once, which then agree', async () => {
    const engines = [new FakeEngine('avx512'), new FakeEngine('avx2')] as const;
    const [one, other] = await Promise.all(engines.map((engine) => ask(engine)));
    expect(one?.levels).toEqual(other?.levels);
    expect(one?.profileId).toBe(other?.profileId);
    expect(engines[0].measurements + engines[1].measurements).toBe(1);
    expect(readdirSync(directory)).toEqual(records());
    expect(records()).toHaveLength(1);
  });

  it('are measured anew for another KV type, number of threads or build', async () => {
    await ask(new FakeEngine());
    expect((await ask(new FakeEngine(), { kvCacheDtype: 'f32' })).source).toBe('measured');
    expect((await ask(new FakeEngine(), { threads: 3 })).source).toBe('measured');
    const rebuilt = new FakeEngine();
    rebuilt.build = 'c'.repeat(64);
    expect((await ask(rebuilt)).source).toBe('measured');
    expect(records()).toHaveLength(4);
  });

  it.each([
    ['torn', (text: string) => text.slice(0, 100)],
    ['of something else', (text: string) => text.replace('"threads": 2', '"threads": 7')],
    ['of a level that does not run here', (text: string) => text.replaceAll('"avx512"', '"avx512bf16"')],
    ['of another format', () => '{"format":"other"}'],
  ])('are measured anew, with a warning, where the record is %s', async (_, damage) => {
    await ask(new FakeEngine());
    const path = recordPath();
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    expect(await ask(new FakeEngine('avx2'))).toMatchObject({
      source: 'measured',
      levels: { 'attention/bf16': 'avx2' },
    });
    expect(warnings).toContain('kernel-profile-damaged');
    expect(await ask(new FakeEngine())).toMatchObject({ source: 'stored', levels: { 'attention/bf16': 'avx2' } });
  });

  it('are measured and used, not kept, where the folder cannot be made', async () => {
    writeFileSync(join(directory, 'a-file'), '');
    const chosen = await ask(new FakeEngine(), {}, join(directory, 'a-file', 'kernel-profiles'));
    expect(chosen).toMatchObject({ source: 'measured', levels });
    expect(warnings).toContain('kernel-profile-not-kept');
  });

  it('keep a bounded number of records, the newest', async () => {
    for (let i = 0; i < MAX_PROFILES + 3; i++)
      writeFileSync(join(directory, `${i.toString(16).padStart(16, '0')}.json`), '');
    writeFileSync(join(directory, '.0.json.left-behind'), '');
    await ask(new FakeEngine());
    expect(records()).toHaveLength(MAX_PROFILES);
    expect(readdirSync(directory)).toEqual(records());
    expect((await ask(new FakeEngine())).source).toBe('stored');
  });

  it('are what LONGHAUL_KERNEL_LEVEL says where it is set, and nothing is measured', async () => {
    const engine = new FakeEngine();
    engine.forcedKernels = { 'attention/bf16': 'avx2', 'attention/f32': 'avx2', 'linear/int8': 'scalar' };
    const chosen = await ask(engine, { kernelProfile: 'nowhere.json' });
    expect(chosen).toEqual({
      source: 'environment',
      profileId: null,
      levels: { 'attention/bf16': 'avx2', 'linear/int8': 'scalar' },
    });
    expect(engine.measurements).toBe(0);
    expect(warnings).toEqual(['kernel-profile-ignored']);
  });
});

describe('--kernel-profile', () => {
  const pin = async (change: (text: string) => string, config: Partial<KernelQuestion['config']> = {}) => {
    await ask(new FakeEngine());
    const kernelProfile = join(directory, 'pinned');
    writeFileSync(kernelProfile, change(readFileSync(recordPath(), 'utf8')));
    return ask(new FakeEngine('avx2'), { ...config, kernelProfile });
  };
  const refused = (...words: string[]) =>
    expect.objectContaining({
      code: 'INVALID_ARGUMENT',
      field: 'kernel-profile',
      message: expect.stringMatching(new RegExp(['--kernel-profile', ...words].join('.*'))),
    });

  it('pins the levels of a file, also of another build and number of threads', async () => {
    const other = (text: string) => text.replace('b'.repeat(64), 'd'.repeat(64));
    expect(await pin(other, { threads: 5 })).toMatchObject({ source: 'pinned', levels });
  });

  it('refuses a file that is missing or no profile', async () => {
    await expect(ask(new FakeEngine(), { kernelProfile: join(directory, 'none') })).rejects.toEqual(
      refused('does not exist'),
    );
    await expect(pin(() => '{}')).rejects.toEqual(refused('is no kernel profile', 'format'));
  });

  it('refuses a file of another model package or processor, and says of which', async () => {
    await expect(pin((text) => text.replace('a'.repeat(64), 'e'.repeat(64)))).rejects.toEqual(
      refused('fingerprint eeee', 'this one has aaaa'),
    );
    await expect(pin((text) => text.replace('"Nine"', '"Ten"'))).rejects.toEqual(
      refused('was measured on Acme Ten', 'this is Acme Nine'),
    );
  });

  it('refuses a level that the processor lacks with those that would be right, and an operator without one', async () => {
    await expect(pin((text) => text.replaceAll('"avx512"', '"avx512bf16"'))).rejects.toEqual(
      refused('attention/bf16 at level avx512bf16; here it may be scalar, avx2, avx512'),
    );
    await expect(pin((text) => text.replace('linear/int8', 'linear/int4'))).rejects.toEqual(
      refused('has no level of linear/int8'),
    );
  });
});

describe('a folder of profiles', () => {
  it('is made at the first start', async () => {
    const deep = join(directory, 'home', 'kernel-profiles');
    await ask(new FakeEngine(), {}, deep);
    expect(readdirSync(deep)).toHaveLength(1);
  });
});
