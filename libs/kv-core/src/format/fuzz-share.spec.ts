import { describe, expect, it } from '@jest/globals';
import { fuzzBlocks } from '../testing/fuzz-blocks.js';

describe('3,000 damaged and forged blocks', () => {
  const report = fuzzBlocks({ count: 3_000, seed: 20_260 });

  it('are refused by name; nothing damaged is accepted', () => {
    expect(report.failures).toEqual([]);
  });

  it('reach the deep checks of the reader', () => {
    const deep = ['section_overlap', 'section_size', 'section_missing', 'flags', 'mac', 'section_crc', 'sub_crc'];
    for (const fault of deep) expect(report.faults).toHaveProperty(fault);
  });
});
