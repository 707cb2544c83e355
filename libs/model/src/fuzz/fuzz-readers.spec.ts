import { describe, expect, it } from '@jest/globals';
import { fuzzReaders } from './fuzz-readers.js';

describe('fuzzed checkpoints', () => {
  it('damaged headers and metadata end in an AppError, with bounded memory', async () => {
    const report = await fuzzReaders({ mutations: 6000, seed: 20 });
    expect(Object.values(report.refused).reduce((sum, count) => sum + count, report.accepted)).toBe(6000);
    expect(Object.keys(report.refused)).toEqual(
      expect.arrayContaining([
        ...['CHECKPOINT_CORRUPT', 'CHECKPOINT_LIMIT', 'UNSUPPORTED_CHECKPOINT', 'METADATA_MISSING'],
        ...['CONFIG_INVALID', 'UNSUPPORTED_CONFIG', 'TOKENIZER_INVALID', 'UNSUPPORTED_TOKENIZER'],
      ]),
    );
    expect(report.peakGrowthBytes).toBeLessThan(256 * 1024 * 1024);
  });
});
