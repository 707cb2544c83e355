import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { crc32cTable } from '../src/crc32c-table.js';
import { verifyBlock } from '../src/format/verify-block.js';
import { GOLDEN_BLOCKS } from '../src/testing/golden-blocks.js';
import { SAMPLE_MAC_KEY, sampleBlock, sampleSpec } from '../src/testing/sample-block.js';

const folder = new URL('golden/', import.meta.url);

describe('golden blocks', () => {
  it('are all there, and no other files', () => {
    expect(readdirSync(folder).sort()).toEqual(
      Object.keys(GOLDEN_BLOCKS)
        .map((name) => `${name}.bin`)
        .sort(),
    );
  });

  it.each(Object.entries(GOLDEN_BLOCKS))(
    '%s is written today byte for byte as it is in the repository',
    (name, options) => {
      const golden = readFileSync(new URL(`${name}.bin`, folder));
      expect(Buffer.compare(golden, sampleBlock(options))).toBe(0);
    },
  );

  it.each(Object.entries(GOLDEN_BLOCKS))('%s passes every check', (name, options) => {
    const golden = readFileSync(new URL(`${name}.bin`, folder));
    const { namespace, seqKey, parentKey } = sampleSpec(options);
    const macKey = options.signed === true ? SAMPLE_MAC_KEY : null;
    verifyBlock(golden, { expected: { namespace, seqKey, parentKey }, checksum: crc32cTable, macKey });
  });
});
