import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { describe, expect, it } from '@jest/globals';
import { AppError, type ErrorCode } from '@longhaul/kernel';
import { ERROR_TABLE } from './error-table.js';
import { decodeStatusDetails } from './status-details.js';
import { fromStatus, toStatus } from './status.js';

/** What a client library makes of a status. */
function received(error: AppError): ServiceError {
  return Object.assign(new Error(error.message), toStatus(error));
}

function sentDetails(error: AppError) {
  const [bytes] = toStatus(error).metadata.get('grpc-status-details-bin');
  return decodeStatusDetails(bytes as Buffer);
}

const full = new AppError({
  code: 'RESOURCE_EXHAUSTED',
  reason: 'QUEUE_FULL',
  message: 'Full: höchstens 3.',
  retry: 'same',
  field: 'messages[0].größe',
  details: { limit: 3, share: 0.5, open: false, why: 'ä\n', retryAfterS: 2.25 },
  cause: new Error('secret'),
});

describe('gRPC status mapping', () => {
  it('brings an error whole to the other side, but for its cause', () => {
    const { code, reason, message, retry, field, details } = fromStatus(received(full));
    expect({ code, reason, message, retry, field, details }).toEqual({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      message: 'Full: höchstens 3.',
      retry: 'same',
      field: 'messages[0].größe',
      details: { limit: 3, share: 0.5, open: false, why: 'ä\n', retryAfterS: 2.25 },
    });
    expect(JSON.stringify(toStatus(full).metadata.toJSON())).not.toContain(Buffer.from('secret').toString('base64'));
    expect(toStatus(full).metadata.get('grpc-retry-pushback-ms')).toEqual(['2250']);
  });

  it.each(Object.keys(ERROR_TABLE) as ErrorCode[])('keeps the code %s and its reason in both directions', (code) => {
    const sent = new AppError({ code, reason: 'SOME_REASON', message: 'x' });
    expect(toStatus(sent).code).toBe(status[code]);
    expect(fromStatus(received(sent))).toMatchObject({ code, reason: 'SOME_REASON', retry: 'never' });
  });

  it('gives every text a form that a trailer can have', () => {
    const half = '\ud800';
    const error = new AppError({
      ...{ code: 'INVALID_ARGUMENT', reason: 'R', message: `no field ${half}`, field: half },
      details: { [half]: half },
    });
    const { details, metadata } = toStatus(error);
    expect(() => encodeURI(details)).not.toThrow();
    expect(details).toBe('no field \ufffd');
    expect(metadata.get('grpc-status-details-bin')).toHaveLength(1);
  });

  it('says what every gRPC library reads: ErrorInfo, BadRequest and RetryInfo', () => {
    expect(sentDetails(full)).toMatchObject({
      reason: 'QUEUE_FULL',
      metadata: { limit: '3', open: 'false', retry: 'same' },
      field: 'messages[0].größe',
      retryDelayMs: 2250,
    });
    const plain = new AppError({ code: 'INTERNAL', reason: 'INTERNAL', message: 'x' });
    expect(sentDetails(plain)).toMatchObject({ field: null, retryDelayMs: null, facts: {} });
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

  it('survives details that are no google.rpc.Status', () => {
    const metadata = new Metadata();
    metadata.set('grpc-status-details-bin', Buffer.from([0x1a, 0xff, 0xff, 0x03, 1]));
    const broken = Object.assign(new Error('x'), { code: status.NOT_FOUND, details: 'no', metadata });
    expect(fromStatus(broken)).toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND', details: {} });
  });

  it('turns what is no status into an internal error without its text', () => {
    expect(fromStatus(new Error('stack and secrets'))).toMatchObject({ code: 'INTERNAL', message: 'Internal error.' });
  });
});
