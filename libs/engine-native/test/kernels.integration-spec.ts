import { describe, expect, it } from '@jest/globals';
import {
  KERNEL_LEVELS,
  KERNEL_OPERATORS,
  loadEngine,
  type KernelChoice,
  type KernelOperator,
  type MeasuredOperator,
} from '../src/index.js';

const engine = await loadEngine();
const { kernels } = engine.runtime;

const open = (choice: unknown) =>
  engine.createModel({
    graph: Uint8Array.of(1),
    weightsDir: '',
    threads: 1,
    spin: false,
    kernels: choice as KernelChoice,
  });

describe('kernels of the addon', () => {
  it('are listed for every operator, the reference first and by names that TypeScript knows', () => {
    expect(Object.keys(kernels).sort()).toEqual([...KERNEL_OPERATORS].sort());
    for (const candidates of Object.values(kernels)) {
      expect(candidates[0]).toEqual({ level: 'scalar', needs: [], supported: true });
      const order = candidates.map(({ level }) => KERNEL_LEVELS.indexOf(level));
      expect(order).toEqual([...order].sort((a, b) => a - b));
      expect(order).not.toContain(-1);
    }
  });

  it('refuse an operator or a level that does not exist, naming what would be right', () => {
    const refused = (message: string) =>
      expect.objectContaining({ field: 'kernels', message: expect.stringContaining(message) });
    expect(() => open({ 'attention/int3': 'scalar' })).toThrow(refused('there is no operator attention/int3'));
    expect(() => open({ 'linear/int8': 'sse9' })).toThrow(refused('linear/int8: there is no level sse9, but scalar'));
    expect(() => open({ 'linear/int8': 4 })).toThrow(refused('must be a string'));
  });

  const lacking = kernels['attention/bf16'].filter(({ supported }) => !supported);
  (lacking.length > 0 ? it : it.skip)('refuse a level that the processor lacks', () => {
    for (const { level } of lacking) {
      expect(() => open({ 'attention/bf16': level })).toThrow(/this processor does not run/);
    }
  });
});

const levelsOf = (operator: KernelOperator) =>
  kernels[operator].filter(({ supported }) => supported).map(({ level }) => level);
const attention = { operator: 'attention/bf16', heads: 6, kvHeads: 2, headDim: 48 } as const;
const matrices = [
  { rows: 144, cols: 96, count: 3, prefill: true },
  { rows: 500, cols: 96, count: 1, prefill: false },
];

describe('measuring kernels', () => {
  it('gives every level that is asked for its rates, in order', async () => {
    const operators: MeasuredOperator[] = [
      { ...attention, levels: levelsOf('attention/bf16') },
      { operator: 'linear/int4', levels: levelsOf('linear/int4'), matrices },
    ];
    const rates = await engine.measureKernels({ threads: 2, budgetMs: 1, operators });
    const asked = operators.flatMap(({ operator, levels }) => levels.map((level) => [operator, level]));
    expect(rates.map(({ operator, level }) => [operator, level])).toEqual(asked);
    for (const { prefillGops, decodeGbps, runs } of rates) {
      expect(Math.min(prefillGops, decodeGbps)).toBeGreaterThan(0);
      expect(runs).toBeGreaterThanOrEqual(1);
    }
  });

  it('has no rate of prefill where no chunk passes the operator', async () => {
    const head = { operator: 'linear/int8', levels: ['scalar'], matrices: matrices.slice(1) } as const;
    const [rate] = await engine.measureKernels({ threads: 1, budgetMs: 1, operators: [head] });
    expect(rate).toMatchObject({ prefillGops: 0, decodeGbps: expect.any(Number) });
  });

  it('refuses bad shapes by field', async () => {
    const refused = (field: string) => expect.objectContaining({ code: 'INVALID_ARGUMENT', field });
    const measure = (operator: object, threads = 1) =>
      engine.measureKernels({ threads, budgetMs: 1, operators: [operator as MeasuredOperator] });
    await expect(measure({ ...attention, levels: [] }, 0)).rejects.toEqual(refused('threads'));
    await expect(measure({ ...attention, levels: [], headDim: 40 })).rejects.toEqual(refused('headDim'));
    await expect(measure({ ...attention, levels: ['sse9'] })).rejects.toEqual(refused('kernels'));
    await expect(measure({ operator: 'linear/int8', levels: [], matrices: [] })).rejects.toEqual(refused('matrices'));
  });
});
