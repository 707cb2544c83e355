import { describe, expect, it } from '@jest/globals';
import type { RuntimeLogLine, RuntimeLogListener } from '@longhaul/engine-native';
import { EventLog } from '@longhaul/platform-otel';
import { forwardRuntimeLog } from './runtime-log.js';

const line = (severity: RuntimeLogLine['severity'], message: string): RuntimeLogLine => ({
  severity,
  message,
  category: 'onnxruntime',
  location: 'graph.cc:1 f',
});

describe("ONNX Runtime's lines in the service's log", () => {
  it('keep their severity, and say how many were lost before them', () => {
    const written: Record<string, unknown>[] = [];
    const log = new EventLog('test', 'debug', {
      write: (text) => written.push(JSON.parse(text) as (typeof written)[0]),
    });
    let listener: RuntimeLogListener = () => undefined;
    let stopped = false;
    const followLog = (given: RuntimeLogListener) => {
      listener = given;
      return () => (stopped = true);
    };
    const stop = forwardRuntimeLog({ followLog }, log);
    listener([line('info', 'a'), line('warning', 'b'), line('error', 'c')], 3);
    expect(written).toMatchObject([
      { level: 40, event: 'onnxruntime-lines-lost', lines: 3 },
      { level: 20, event: 'onnxruntime-logged', message: 'a' },
      { level: 40, event: 'onnxruntime-logged', message: 'b', location: 'graph.cc:1 f' },
      { level: 50, event: 'onnxruntime-logged', error: 'c' },
    ]);
    stop();
    expect(stopped).toBe(true);
  });
});
