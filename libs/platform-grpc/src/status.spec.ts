import { status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { fromStatus, toStatus } from './status.js';

/** What a client library makes of a status. */
function received(error: AppError): ServiceError {
  return Object.assign(new Error(error.message), toStatus(error));
}

describe('gRPC status mapping', () => {
  it('brings an error whole to the other side, but for its cause', () => {
    const sent = new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      message: 'Full: höchstens 3.',
      retry: 'same',
      field: 'messages[0].größe',
      details: { limit: 3, why: 'ä\n' },
      cause: new Error('secret'),
    });
    const { code, reason, message, retry, details } = fromStatus(received(sent));
    expect({ code, reason, message, retry, details }).toEqual({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      message: 'Full: höchstens 3.',
      retry: 'same',
      details: { limit: 3, why: 'ä\n' },
    });
    expect(JSON.stringify(toStatus(sent).metadata.getMap())).not.toContain('secret');
    expect(toStatus(sent).metadata.get('grpc-retry-pushback-ms')).toEqual(['1000']);
  });

  it('names a foreign status by its code, and an unreachable peer as worth trying elsewhere', () => {
    const foreign = Object.assign(new Error('x'), { code: status.UNAVAILABLE, details: 'gone', metadata: undefined });
    expect(fromStatus(foreign)).toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'UNAVAILABLE',
      retry: 'other',
      message: 'gone',
    });
  });

  it('turns what is no status into an internal error without its text', () => {
    expect(fromStatus(new Error('stack and secrets'))).toMatchObject({ code: 'INTERNAL', message: 'Internal error.' });
  });
});
