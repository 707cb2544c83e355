import type { Engine } from '@longhaul/engine-native';
import type { EventLog } from '@longhaul/platform-otel';

const EVENT = 'onnxruntime-logged';

/** Writes ONNX Runtime's own lines to the service's log, by severity, until the returned function is called. */
export function forwardRuntimeLog(engine: Pick<Engine, 'followLog'>, log: EventLog): () => void {
  return engine.followLog((lines, lost) => {
    if (lost > 0) log.warning('onnxruntime-lines-lost', { lines: lost });
    for (const { severity, category, location, message } of lines) {
      const fields = { severity, category, location };
      if (severity === 'error' || severity === 'fatal') log.failure(EVENT, message, fields);
      else if (severity === 'warning') log.warning(EVENT, { ...fields, message });
      else log.detail(EVENT, { ...fields, message });
    }
  });
}
