import { AppError } from '@longhaul/kernel';
import type { BufferState } from './event-bus.js';

/** The errors of the event bus, each with its stable reason. */
export const busErrors = {
  bufferFull: (buffer: BufferState): AppError =>
    new AppError({
      code: 'RESOURCE_EXHAUSTED',
      reason: 'KAFKA_BUFFER_FULL',
      message: `The send buffer is full: ${buffer.records} of ${buffer.limitRecords} records, ${buffer.bytes} of ${buffer.limitBytes} bytes.`,
      retry: 'same',
      details: { limitRecords: buffer.limitRecords, limitBytes: buffer.limitBytes },
    }),
  deliveryTimeout: (timeoutMs: number, cause: unknown): AppError =>
    new AppError({
      code: 'UNAVAILABLE',
      reason: 'KAFKA_DELIVERY_TIMEOUT',
      message: `No broker took the record within ${timeoutMs} ms.`,
      retry: 'same',
      details: { timeoutMs },
      cause,
    }),
  recordTooLarge: (bytes: number, limit: number): AppError =>
    new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'KAFKA_RECORD_TOO_LARGE',
      message: `A record has ${bytes} bytes, at most ${limit} are allowed.`,
      field: 'record',
      details: { bytes, limit },
    }),
  undeclared: (topic: string): AppError =>
    new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'KAFKA_TOPIC_UNDECLARED',
      message: `The topic ${topic} was not declared.`,
      field: 'topic',
    }),
  mismatch: (differences: readonly string[]): AppError =>
    new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'KAFKA_TOPIC_MISMATCH',
      message: `Topics differ from their declaration: ${differences.join('; ')}.`,
      details: { differences: differences.length },
    }),
  rejected: (topic: string, cause: unknown): AppError =>
    new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'KAFKA_REJECTED',
      message: `The broker refuses records for ${topic}: ${cause instanceof Error ? cause.message : String(cause)}`,
      cause,
    }),
  closed: (): AppError =>
    new AppError({ code: 'UNAVAILABLE', reason: 'KAFKA_CLOSED', message: 'The event bus is closed.' }),
};
