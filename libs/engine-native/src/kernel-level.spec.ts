import { describe, expect, it } from '@jest/globals';
import { KERNEL_LEVELS, type KernelCandidate, type KernelLevel, type KernelTable } from './addon-types.js';
import { kernelsOfEnvironment, kernelsUpTo, unmeasuredKernels } from './kernel-level.js';

const candidates = (supported: readonly KernelLevel[], levels: readonly KernelLevel[]): KernelCandidate[] =>
  levels.map((level) => ({ level, needs: [], supported: supported.includes(level) }));

/** A processor's table of the operators that have differing levels. */
function tableOf(supported: readonly KernelLevel[]): KernelTable {
  const linear = candidates(supported, ['scalar', 'avx2', 'avx512vnni', 'amx']);
  return {
    'attention/bf16': candidates(supported, ['scalar', 'avx2', 'avx512', 'avx512bf16', 'amx']),
    'attention/f32': candidates(supported, ['scalar', 'avx2', 'avx512']),
    'attention/int8': candidates(supported, ['scalar', 'avx2', 'avxvnni', 'avx512vnni']),
    'linear/int8': linear,
    'linear/int4': linear,
  };
}

const everything = tableOf(KERNEL_LEVELS);
const avx2Only = tableOf(['scalar', 'avx2']);

describe('a kernel level for all operators', () => {
  it('holds for every operator that has it, and the others run the last one below it', () => {
    expect(kernelsUpTo('avx512vnni', everything)).toMatchObject({
      'attention/bf16': 'avx512',
      'attention/f32': 'avx512',
      'linear/int8': 'avx512vnni',
      'linear/int4': 'avx512vnni',
    });
    expect(kernelsUpTo('avx512', everything)).toMatchObject({ 'attention/bf16': 'avx512', 'linear/int8': 'avx2' });
    expect(kernelsUpTo('scalar', everything)).toMatchObject({ 'attention/bf16': 'scalar', 'linear/int4': 'scalar' });
  });

  it('never chooses what the processor lacks', () => {
    expect(unmeasuredKernels(avx2Only)).toMatchObject({ 'attention/bf16': 'avx2', 'linear/int4': 'avx2' });
    expect(unmeasuredKernels(everything)).toMatchObject({
      'attention/bf16': 'amx',
      'linear/int8': 'amx',
    });
  });

  it('is refused by the variable and the levels that would be right where the processor lacks it', () => {
    const field = 'LONGHAUL_KERNEL_LEVEL';
    const lacking = {
      code: 'INVALID_ARGUMENT',
      field,
      message: 'LONGHAUL_KERNEL_LEVEL: this processor does not run avx512. Here it may be scalar, avx2.',
    };
    expect(() => kernelsOfEnvironment({ [field]: 'avx512' }, avx2Only)).toThrow(expect.objectContaining(lacking));
    const unknown = {
      field,
      message: expect.stringContaining('there is no kernel level "sse9". Here it may be scalar'),
    };
    expect(() => kernelsOfEnvironment({ [field]: 'sse9' }, everything)).toThrow(expect.objectContaining(unknown));
  });

  it('is nothing where the variable is not set', () => {
    expect(kernelsOfEnvironment({}, everything)).toBeNull();
    expect(kernelsOfEnvironment({ LONGHAUL_KERNEL_LEVEL: '' }, everything)).toBeNull();
  });
});
