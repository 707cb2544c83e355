import { describe, expect, it } from '@jest/globals';
import { crc32cTable } from '@longhaul/kv-core';
import { FrameParser } from './frame-parser.js';
import { frameStart, FrameKind, type Frame } from './frame.js';

const LARGE = 64 * 1024;

function sent(parser: FrameParser, payload: Uint8Array): void {
  const parts = { kind: FrameKind.get, operation: 1, prefix: new Uint8Array(0), payload };
  parser.push(frameStart(parts, crc32cTable));
  parser.push(payload);
}

function listening(): { parser: FrameParser; frames: Frame[] } {
  const frames: Frame[] = [];
  const parser = new FrameParser({ checksum: crc32cTable, maxBodyBytes: 2 ** 20 }, (frame) => frames.push(frame));
  return { parser, frames };
}

describe('memory of frames', () => {
  it('of large ones is used again once it was given back', () => {
    const { parser, frames } = listening();
    sent(parser, new Uint8Array(LARGE).fill(1));
    const [first] = frames as [Frame];
    parser.recycle(first.body);
    sent(parser, new Uint8Array(LARGE).fill(2));
    expect(frames[1]?.body.buffer).toBe(first.body.buffer);
    expect(first.body[0]).toBe(2);
  });

  it('of small ones is never used again: others have buffers in it', () => {
    const { parser, frames } = listening();
    const shared = new Set<ArrayBufferLike>();
    // Enough to begin several pieces of shared memory, each of which has a frame at its very beginning.
    for (let i = 0; i < 64; i += 1) {
      sent(parser, new Uint8Array(8 * 1024).fill(1));
      const body = frames.at(-1)!.body;
      shared.add(body.buffer);
      parser.recycle(body);
    }
    sent(parser, new Uint8Array(LARGE - 1024).fill(2));
    expect(shared.has(frames.at(-1)!.body.buffer)).toBe(false);
    expect(frames.slice(0, -1).every(({ body }) => body.every((byte) => byte === 1))).toBe(true);
  });
});
