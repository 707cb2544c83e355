import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { count, record, startTelemetry, type Telemetry } from '../src/index.js';
import { otlpMetricReader } from '../src/otlp-metrics.js';

/** What an OTLP endpoint got: the protobuf bodies by path. */
const received = new Map<string, Buffer[]>();
let collector: Server;
let telemetry: Telemetry;

beforeAll(async () => {
  collector = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks);
      const plain = request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body;
      received.set(request.url ?? '', [...(received.get(request.url ?? '') ?? []), plain]);
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
    });
  });
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, OTEL_METRIC_EXPORT_INTERVAL: '50' };
  telemetry = startTelemetry({ serviceName: 'otlp-test', env, spanProcessors: [] });
});

afterAll(async () => {
  await telemetry.shutdown();
  await new Promise((resolve) => collector.close(resolve));
});

describe('OTLP metrics', () => {
  it('reach the endpoint that the environment names, beside what can be scraped', async () => {
    count('preemptions', 3, { model_name: 'pushed-model' });
    record('timeToFirstToken', 0.5, { model_name: 'pushed-model' });
    const bodies = () => received.get('/v1/metrics') ?? [];
    const arrived = () =>
      bodies()
        .find((body) => body.includes('pushed-model'))
        ?.toString('latin1');
    while (arrived() === undefined) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(arrived()).toContain('longhaul_num_preemptions_total');
    expect(arrived()).toContain('longhaul_time_to_first_token_seconds');
    expect(arrived()).toContain('otlp-test');
    expect(await telemetry.metricsText()).toContain('longhaul_num_preemptions_total{model_name="pushed-model"} 3');
  });

  it('stay at home without an endpoint, or when their exporter is none', () => {
    expect(otlpMetricReader({})).toBeNull();
    expect(otlpMetricReader({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x', OTEL_METRICS_EXPORTER: 'none' })).toBeNull();
    expect(otlpMetricReader({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://x' })).toBeNull();
  });

  it('refuse settings that would be ignored', () => {
    const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://x' };
    expect(() => otlpMetricReader({ ...endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' })).toThrow(/http\/protobuf/);
    expect(() => otlpMetricReader({ ...endpoint, OTEL_METRIC_EXPORT_INTERVAL: 'soon' })).toThrow(
      /OTEL_METRIC_EXPORT_INTERVAL/,
    );
  });
});
