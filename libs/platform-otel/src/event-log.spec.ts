import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import { context, trace, TraceFlags } from '@opentelemetry/api';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventLog } from './index.js';

const manager = new AsyncLocalStorageContextManager();
beforeAll(() => {
  context.setGlobalContextManager(manager.enable());
});
afterAll(() => context.disable());

function logged(write: (log: EventLog) => void): Record<string, unknown>[] {
  const lines: string[] = [];
  write(new EventLog('test', 'info', { write: (line) => lines.push(line) }));
  return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('the event log', () => {
  it('carries the ids of the span it is written in, and none outside', () => {
    const ids = { traceId: 'a'.repeat(32), spanId: 'b'.repeat(16), traceFlags: TraceFlags.SAMPLED };
    const lines = logged((log) => {
      log.info('request-started', { requestId: 'r' });
      context.with(trace.setSpanContext(context.active(), ids), () => log.info('request-finished'));
    });
    expect(lines[0]).toMatchObject({ event: 'request-started', requestId: 'r', service: 'test' });
    expect(lines[0]).not.toHaveProperty('trace_id');
    expect(lines[1]).toMatchObject({ event: 'request-finished', trace_id: ids.traceId, span_id: ids.spanId });
  });

  it('writes causes with their chain', () => {
    const [line] = logged((log) => log.failure('step-failed', new Error('outer', { cause: new Error('inner') })));
    expect(line?.['error']).toMatchObject({ message: 'outer', cause: { message: 'inner' } });
  });
});
