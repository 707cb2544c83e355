import { Metadata, status } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { AppError, monotonicMs } from '@longhaul/kernel';
import { CallInfo } from './call-info.js';
import { toStatus } from './status.js';

const FAR_MS = 3_600_000;

describe('a call that ends without a status', () => {
  it.each([
    ['CANCELLED', null],
    ['CANCELLED', FAR_MS],
    ['DEADLINE_EXCEEDED', 0],
    ['DEADLINE_EXCEEDED', -FAR_MS],
  ])('is %s where its deadline is %s ms away', (name, leftMs) => {
    const info = new CallInfo('a.B/C', leftMs === null ? null : monotonicMs() + leftMs);
    expect(info.late).toBe(name === 'DEADLINE_EXCEEDED');
    expect(info.end()).toMatchObject({ method: 'a.B/C', status: name, reason: name });
    expect(info.end()).toBeNull();
  });
});

describe('a call that ends with a status', () => {
  it('has the first one and its reason, whatever its deadline says', () => {
    const info = new CallInfo('a.B/C', monotonicMs() - FAR_MS);
    const full = toStatus(new AppError({ code: 'RESOURCE_EXHAUSTED', reason: 'QUEUE_FULL', message: 'Full.' }));
    info.note(full.code, full.metadata);
    info.note(status.OK, new Metadata());
    expect(info.late).toBe(false);
    expect(info.end()).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'QUEUE_FULL' });
  });
});
