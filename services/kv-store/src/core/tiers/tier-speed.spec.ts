import { describe, expect, it } from '@jest/globals';
import { TierSpeed } from './tier-speed.js';

const MIB = 2 ** 20;

function timed(first: number) {
  const clock = { ms: 0 };
  const speed = new TierSpeed(first, () => clock.ms);
  return { clock, speed };
}

describe('the speed of a tier', () => {
  it('is the first guess until enough has been read', () => {
    const { clock, speed } = timed(1000);
    const end = speed.begin(MIB);
    clock.ms += 100;
    end(MIB);
    expect(speed.bytesPerMicro).toBe(1000);
  });

  it('approaches what reads bring', () => {
    const { clock, speed } = timed(1000);
    for (let i = 0; i < 30; i++) {
      const end = speed.begin(4 * MIB);
      clock.ms += 40;
      end(4 * MIB);
    }
    expect(speed.bytesPerMicro).toBeCloseTo((4 * MIB) / 40_000, 0);
  });

  it('counts the time of overlapping reads once', () => {
    const { clock, speed } = timed(100);
    for (let i = 0; i < 30; i++) {
      const ends = Array.from({ length: 4 }, () => speed.begin(MIB));
      clock.ms += 10;
      for (const end of ends) end(MIB);
    }
    expect(speed.bytesPerMicro).toBeCloseTo((4 * MIB) / 10_000, 0);
  });

  it('is no matter of many small reads, however long each takes', () => {
    const { clock, speed } = timed(1000);
    for (let i = 0; i < 10_000; i++) {
      const end = speed.begin(4096);
      clock.ms += 1;
      end(4096);
    }
    expect(speed.bytesPerMicro).toBe(1000);
  });

  it('falls when reads fail after a long time', () => {
    const { clock, speed } = timed(1000);
    const failed = speed.begin(MIB);
    clock.ms += 1000;
    failed(0);
    const end = speed.begin(4 * MIB);
    clock.ms += 4;
    end(4 * MIB);
    expect(speed.bytesPerMicro).toBeLessThan(800);
  });
});
