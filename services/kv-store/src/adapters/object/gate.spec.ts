import { describe, expect, it } from '@jest/globals';
import { Gate } from './gate.js';

describe('a gate', () => {
  it('lets no more through at once than its width, in order of arrival', async () => {
    const gate = new Gate('things', 2, 100);
    const order: number[] = [];
    let most = 0;
    await Promise.all(
      [0, 1, 2, 3, 4, 5].map((i) =>
        gate.run(async () => {
          order.push(i);
          most = Math.max(most, gate.running);
          await new Promise((resolve) => setImmediate(resolve));
        }),
      ),
    );
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5]);
    expect([gate.running, gate.waiting]).toEqual([0, 0]);
  });

  it('refuses who finds the queue full', async () => {
    const gate = new Gate('things', 1, 1);
    let open = () => undefined as void;
    const first = gate.run(() => new Promise<void>((resolve) => (open = resolve)));
    const second = gate.run(() => Promise.resolve());
    await expect(gate.run(() => Promise.resolve())).rejects.toMatchObject({ reason: 'KV_BUSY', details: { limit: 2 } });
    open();
    await Promise.all([first, second]);
  });

  it('goes on after a failure', async () => {
    const gate = new Gate('things', 1, 1);
    await expect(gate.run(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(await gate.run(() => Promise.resolve(5))).toBe(5);
  });
});
