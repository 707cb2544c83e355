import { describe, expect, it } from '@jest/globals';
import { AppError, type ErrorCode } from '@longhaul/kernel';
import { ERROR_TABLE } from './error-table.js';
import { fromHttpError, toHttpError } from './http-error.js';

function roundTrip(error: AppError): AppError {
  const { status, headers, body } = toHttpError(error);
  return fromHttpError(status, JSON.parse(JSON.stringify(body)), headers);
}

/** Codes that HTTP cannot tell apart come back as the other one of their status. */
const SHARED: Partial<Record<ErrorCode, ErrorCode>> = {
  UNKNOWN: 'INTERNAL',
  DATA_LOSS: 'INTERNAL',
  FAILED_PRECONDITION: 'INVALID_ARGUMENT',
  OUT_OF_RANGE: 'INVALID_ARGUMENT',
  ABORTED: 'ALREADY_EXISTS',
};

describe('HTTP error mapping', () => {
  it.each(Object.entries(ERROR_TABLE))('answers %s with its status and brings reason and field back', (name, row) => {
    const code = name as ErrorCode;
    const sent = new AppError({ code, reason: 'SOME_REASON', message: 'Why.', field: 'top_p', details: { max: 1 } });
    expect(toHttpError(sent).status).toBe(row.http);
    const back = roundTrip(sent);
    expect(back).toMatchObject({
      code: SHARED[code] ?? code,
      reason: 'SOME_REASON',
      message: 'Why.',
      field: 'top_p',
      details: { max: 1 },
    });
  });

  it('tells when to ask again, rounded up to whole seconds', () => {
    const busy = new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'QUEUE_FULL',
      message: 'Full.',
      retry: 'same',
      details: { retryAfterS: 1.2 },
    });
    expect(toHttpError(busy)).toMatchObject({ status: 429, headers: { 'retry-after': '2' } });
    expect(toHttpError(busy).body.error).toMatchObject({ type: 'rate_limit_error', code: 'queue_full' });
    expect(roundTrip(busy)).toMatchObject({ retry: 'same', details: { retryAfterS: 2 } });
  });

  it('has statuses of its own for reasons that HTTP knows', () => {
    const large = new AppError({ code: 'RESOURCE_EXHAUSTED', reason: 'BODY_TOO_LARGE', message: 'x' });
    expect(toHttpError(large).status).toBe(413);
    expect(toHttpError(large).headers).toEqual({});
    expect(roundTrip(large)).toMatchObject({ code: 'RESOURCE_EXHAUSTED', reason: 'BODY_TOO_LARGE' });
  });

  it('names the status of an answer that has another body', () => {
    expect(fromHttpError(502, '<html>')).toMatchObject({ code: 'UNKNOWN', message: 'HTTP 502' });
    expect(fromHttpError(404, null)).toMatchObject({ code: 'NOT_FOUND', reason: 'NOT_FOUND' });
  });
});
