import { describe, expect, it } from '@jest/globals';
import { createWorkerServer } from '@longhaul/decode-worker';
import { loadConfig } from '@longhaul/platform-config';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import { createRouterServer, edgeSettings, openTenants, WorkerBackend, type TextCodec } from '@longhaul/router';
import { ScriptedBackend } from '@longhaul/testing';

interface EndedSpan {
  name: string;
  parentSpanContext?: { spanId: string };
  spanContext(): { traceId: string; spanId: string };
}

const ended: EndedSpan[] = [];
const recorder = {
  onStart: () => undefined,
  onEnd: (span: EndedSpan) => void ended.push(span),
  forceFlush: () => Promise.resolve(),
  shutdown: () => Promise.resolve(),
};

const codec: TextCodec = {
  encode: (text) => Promise.resolve(Int32Array.from(Buffer.from(text))),
  encodeChat: (messages) =>
    Promise.resolve(Int32Array.from(Buffer.from(messages.map(({ content }) => content).join()))),
  decode: (tokenIds) => Buffer.from(tokenIds).toString(),
  decodeSlices: (tokenIds) => [Buffer.from(tokenIds).toString()],
  token: (tokenId) => ({ text: String.fromCharCode(tokenId), bytes: Uint8Array.of(tokenId), isSpecial: false }),
  places: () => ({ push: () => 0 }),
  close: () => undefined,
};

describe('tracing', () => {
  it("hangs the worker's span under the router's, in the trace that the client began", async () => {
    const telemetry = startTelemetry({ serviceName: 'test', env: {}, spanProcessors: [recorder] });
    const log = new EventLog('test', 'silent');
    const listen = {
      host: '127.0.0.1',
      port: 0,
      grpcPort: 0,
      maxMessageBytes: 2 ** 20,
      stallTimeoutMs: 5000,
      drainTimeoutMs: 100,
    };
    const worker = await createWorkerServer(listen, { backend: new ScriptedBackend(), telemetry, log });
    const backend = new WorkerBackend({ address: `127.0.0.1:${worker.grpcPort}`, maxMessageBytes: 2 ** 20, log });
    const config = loadConfig(edgeSettings, { argv: ['--port', '0'], env: {} });
    const router = await createRouterServer(config, {
      backend,
      createCodec: () => codec,
      telemetry,
      log,
      version: '0',
      tenants: openTenants(config),
    });
    await router.whenReady();

    const traceId = 'a'.repeat(32);
    const parent = 'b'.repeat(16);
    const response = await fetch(`${router.url}/v1/completions`, {
      method: 'POST',
      body: JSON.stringify({ prompt: 'x', max_tokens: 2, stream: true }),
      headers: { 'content-type': 'application/json', traceparent: `00-${traceId}-${parent}-01` },
    });
    await response.text();
    await router.close();
    await backend.close();
    await worker.close();
    await telemetry.shutdown();

    const edge = ended.find((span) => span.name === 'POST /v1/completions');
    const inner = ended.find((span) => span.name.endsWith('WorkerService/Generate'));
    expect(edge?.spanContext().traceId).toBe(traceId);
    expect(edge?.parentSpanContext?.spanId).toBe(parent);
    expect(inner?.spanContext().traceId).toBe(traceId);
    expect(inner?.parentSpanContext?.spanId).toBe(edge?.spanContext().spanId);
  });
});
