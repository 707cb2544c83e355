import { describe, expect, it } from '@jest/globals';
import { AppError } from './app-error.js';
import { systemClock } from './clock.js';
import { endedWithin, openDeadline, pause, unlessAborted, withinDeadline } from './deadline.js';

const late = () => new AppError({ code: 'DEADLINE_EXCEEDED', reason: 'TOO_LATE', message: 'Too late.' });
const cancelled = new AppError({ code: 'CANCELLED', reason: 'GONE', message: 'The caller has gone.' });
const never = new Promise<never>(() => undefined);
const LONG_MS = 60_000;

describe('a deadline', () => {
  it('aborts with its own error when time is up, and has nothing left then', async () => {
    const deadline = openDeadline({ timeoutMs: 1, late });
    await expect(unlessAborted(deadline.signal, never)).rejects.toMatchObject({ reason: 'TOO_LATE' });
    expect(deadline.leftMs()).toBe(0);
    deadline.dispose();
  });

  it('ends by its parent, with the reason of the parent', async () => {
    const parent = new AbortController();
    const deadline = openDeadline({ timeoutMs: LONG_MS, late, parent: parent.signal });
    const work = unlessAborted(deadline.signal, never);
    parent.abort(cancelled);
    await expect(work).rejects.toBe(cancelled);
    deadline.dispose();
  });

  it('has ended where the parent had ended before', () => {
    const deadline = openDeadline({ timeoutMs: LONG_MS, late, parent: AbortSignal.abort(cancelled) });
    expect(deadline.signal.reason).toBe(cancelled);
    deadline.dispose();
  });

  it('that was aborted without a reason says that the work was cancelled', async () => {
    await expect(unlessAborted(AbortSignal.abort(), never)).rejects.toMatchObject({ reason: 'CANCELLED' });
  });

  it('leaves no listener with its parent once it is disposed of', () => {
    const parent = new AbortController();
    const deadline = openDeadline({ timeoutMs: LONG_MS, late, parent: parent.signal });
    deadline.dispose();
    parent.abort(cancelled);
    expect(deadline.signal.aborted).toBe(false);
  });

  it('of more than a timer can count does not end at once', async () => {
    const deadline = openDeadline({ timeoutMs: 2 ** 40, late });
    await pause(5);
    expect(deadline.signal.aborted).toBe(false);
    deadline.dispose();
  });
});

describe('work within a deadline', () => {
  it('gives its outcome', async () => {
    await expect(withinDeadline({ timeoutMs: LONG_MS, late }, () => Promise.resolve(7))).resolves.toBe(7);
    const failing = withinDeadline({ timeoutMs: LONG_MS, late }, () => Promise.reject(cancelled));
    await expect(failing).rejects.toBe(cancelled);
  });

  it('that ignores its signal is not waited for, and may fail later without harm', async () => {
    let fail: (error: Error) => void = () => undefined;
    const deaf = new Promise<never>((_, reject) => (fail = reject));
    await expect(withinDeadline({ timeoutMs: 1, late }, () => deaf)).rejects.toMatchObject({ reason: 'TOO_LATE' });
    fail(new Error('nobody looks'));
    await pause(1);
  });
});

describe('a pause', () => {
  it('ends early by its signal, and never rejects', async () => {
    const controller = new AbortController();
    const paused = pause(LONG_MS, controller.signal);
    controller.abort(cancelled);
    await paused;
    await pause(LONG_MS, controller.signal);
  });

  it('for work ends with the first of it, or with the time', async () => {
    await endedWithin(LONG_MS, never, Promise.resolve());
    await expect(endedWithin(LONG_MS, never, Promise.reject(cancelled))).rejects.toBe(cancelled);
    await endedWithin(1, never);
  });
});

describe('a timer', () => {
  it('that is cancelled does not call', async () => {
    let calls = 0;
    const cancel = systemClock.after(0, () => (calls += 1));
    cancel();
    await pause(5);
    expect(calls).toBe(0);
  });
});
