import { setTimeout as delay } from 'node:timers/promises';

const LIMIT_MS = 30_000;

/** Waits until something holds; fails after half a minute. */
export async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + LIMIT_MS;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`did not come to hold: ${holds.toString()}`);
    await delay(10);
  }
}
