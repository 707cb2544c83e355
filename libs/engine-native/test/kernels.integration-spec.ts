import { describe, expect, it } from '@jest/globals';
import { KERNEL_LEVELS, KERNEL_OPERATORS, loadEngine, type KernelChoice } from '../src/index.js';

const engine = await loadEngine();
const { kernels } = engine.runtime;

const open = (choice: unknown) =>
  engine.createModel({ graphPath: 'nowhere.onnx', threads: 1, spin: false, kernels: choice as KernelChoice });

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
