import { beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { KV_DTYPES, kvSectionBytes, loadEngine, PAGE_TOKENS, SKIPPED_PAGE, type Engine } from '../src/index.js';

let engine: Engine;
beforeAll(async () => {
  engine = await loadEngine();
});

const block = fc.record({
  dtype: fc.constantFrom(...KV_DTYPES),
  headDim: fc.constantFrom(32, 48, 64, 80, 96, 128, 192, 256),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  layers: fc.integer({ min: 1, max: 4 }),
  pagesPerBlock: fc.integer({ min: 1, max: 4 }),
  seed: fc.nat(255),
});

const noise = (bytes: number, seed: number): Uint8Array =>
  Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i + 1, 2654435761 + seed) >>> 13) & 255);

describe('a block', () => {
  it('imported and exported has the same bits, at any shape and any range of layers', async () => {
    await fc.assert(
      fc.asyncProperty(block, fc.nat(), fc.nat(), async (shape, a, b) => {
        const pool = engine.createPool({ ...shape, pages: 16 });
        const [layerBegin, layerEnd] = [a % shape.layers, shape.layers - (b % (shape.layers - (a % shape.layers)))];
        const layers = Array.from({ length: layerEnd - layerBegin });
        const sizes = layers.flatMap(() => kvSectionBytes(shape, shape.pagesPerBlock));
        const sections = sizes.map((bytes, i) => noise(bytes, shape.seed + i));
        const pages = Int32Array.from({ length: shape.pagesPerBlock }, (_, i) => (i * 5 + shape.seed) % 16);
        await pool.importBlock(pages, layerBegin, layerEnd, sections);
        const out = sizes.map((bytes) => new Uint8Array(bytes));
        await pool.exportBlock(pages, layerBegin, layerEnd, out);
        expect(out.every((section, i) => Buffer.compare(section, sections[i] ?? section.subarray(1)) === 0)).toBe(true);
        pool.dispose();
      }),
      { numRuns: 60, seed: 4 },
    );
  });

  it('leaves out what it is told to skip', async () => {
    const shape = { layers: 1, kvHeads: 1, headDim: 32, dtype: 'f32' as const };
    const pool = engine.createPool({ ...shape, pages: 4 });
    const [bytes = 0] = kvSectionBytes(shape, 2);
    const sections = [noise(bytes, 1), noise(bytes, 2)];
    await pool.importBlock(Int32Array.of(0, 1), 0, 1, sections);
    await pool.importBlock(Int32Array.of(SKIPPED_PAGE, 1), 0, 1, [noise(bytes, 3), noise(bytes, 4)]);
    const out = [new Uint8Array(bytes), new Uint8Array(bytes)];
    await pool.exportBlock(Int32Array.of(0, 1), 0, 1, out);
    const half = bytes / 2;
    expect(out[0]?.subarray(0, half)).toEqual(sections[0]?.subarray(0, half));
    expect(out[0]?.subarray(half)).toEqual(noise(bytes, 3).subarray(half));
  });
});

describe('a transfer', () => {
  const shape = { layers: 2, kvHeads: 1, headDim: 32, dtype: 'bf16' as const };
  const sizes = [...kvSectionBytes(shape, 1), ...kvSectionBytes(shape, 1)];
  const right = (): Uint8Array[] => sizes.map((bytes) => new Uint8Array(bytes));

  it.each<[string, string, Int32Array, number, number, (s: Uint8Array[]) => unknown]>([
    ['a page outside', 'pages', Int32Array.of(4), 0, 2, (s) => s],
    ['a gap in an export', 'pages', Int32Array.of(SKIPPED_PAGE), 0, 2, (s) => s],
    ['layers outside', 'layers', Int32Array.of(0), 1, 3, (s) => s],
    ['a negative layer', 'layerBegin', Int32Array.of(0), -1, 2, (s) => s],
    ['too few sections', 'sections', Int32Array.of(0), 0, 2, (s) => s.slice(1)],
    ['a short section', 'sections', Int32Array.of(0), 0, 2, (s) => [...s.slice(1), new Uint8Array(PAGE_TOKENS)]],
    ['no sections', 'sections', Int32Array.of(0), 0, 2, () => null],
  ])('refuses %s by name', async (_, field, pages, layerBegin, layerEnd, sections) => {
    const pool = engine.createPool({ ...shape, pages: 4 });
    const given = sections(right()) as Uint8Array[];
    await expect(pool.exportBlock(pages, layerBegin, layerEnd, given)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      field,
    });
  });

  it('keeps the memory of a pool that is disposed meanwhile', async () => {
    const pool = engine.createPool({ ...shape, pages: 4 });
    const moving = pool.importBlock(Int32Array.of(2), 0, 2, right());
    pool.dispose();
    await moving;
    await expect(pool.importBlock(Int32Array.of(2), 0, 2, right())).rejects.toMatchObject({ reason: 'DISPOSED' });
  });
});
