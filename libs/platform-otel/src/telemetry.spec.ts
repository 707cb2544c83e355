import { describe, expect, it } from '@jest/globals';
import { count, METRICS, observe, record, startTelemetry } from './index.js';

describe('metrics', () => {
  it('show each sample under the own name and the alias, without a server of their own', async () => {
    const telemetry = startTelemetry({ serviceName: 'test', env: {} });
    count('preemptions', 2, { model_name: 'm' });
    record('timeToFirstToken', 0.5, { model_name: 'm' });
    const stop = observe('requestsRunning', () => 3, { model_name: 'm' });
    const text = await telemetry.metricsText();
    expect(text).toContain('longhaul_num_preemptions_total{model_name="m"} 2');
    expect(text).toContain('vllm:num_preemptions_total{engine="0",model_name="m"} 2');
    expect(text).toContain('vllm:time_to_first_token_seconds_count{engine="0",model_name="m"} 1');
    expect(text).toContain('vllm:time_to_first_token_seconds_bucket{engine="0",model_name="m",le="0.64"} 1');
    expect(text).toContain('# TYPE vllm:num_requests_running gauge');
    expect(text).toContain('vllm:num_requests_running{engine="0",model_name="m"} 3');
    // All but the processor time and memory of the process.
    const withoutProcess = (all: string) => all.split('\n').filter((line) => !line.startsWith('process_'));
    expect(withoutProcess(await telemetry.metricsText())).toEqual(withoutProcess(text));
    stop();
    await telemetry.shutdown();
  });

  it('have unique names, and counters end in _total', () => {
    const definitions = Object.values(METRICS);
    expect(new Set(definitions.map((metric) => metric.name)).size).toBe(definitions.length);
    for (const metric of definitions) expect(metric.name.endsWith('_total')).toBe(metric.kind === 'counter');
  });
});
