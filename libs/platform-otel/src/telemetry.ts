import { PrometheusExporter } from '@opentelemetry/exporter-prometheus';
import { NodeSDK, type NodeSDKConfiguration } from '@opentelemetry/sdk-node';
import { withDeclaredSeries } from './declared-series.js';
import { observeProcess } from './observe-process.js';
import { otlpMetricReader } from './otlp-metrics.js';
import { prometheusText } from './prometheus-text.js';

export interface TelemetryOptions {
  /** OpenTelemetry `service.name`; OTEL_SERVICE_NAME wins. */
  serviceName: string;
  env?: Readonly<Record<string, string | undefined>>;
  /** For tests: where spans go instead of the exporter that the environment names. */
  spanProcessors?: NonNullable<NodeSDKConfiguration['spanProcessors']>;
}

/** The process's metrics and traces. */
export interface Telemetry {
  /** The current metrics as Prometheus text. Reading changes nothing. */
  metricsText(): Promise<string>;
  shutdown(): Promise<void>;
}

let current: Telemetry | undefined;

/**
 * Starts OpenTelemetry once per process; later calls return the first result. Spans leave the process only where
 * OTEL_EXPORTER_OTLP_ENDPOINT (or its traces form) is set, metrics where it or its metrics form is; metrics can be
 * scraped in any case.
 *
 * @throws AppError `CONFIG_INVALID` for an OTLP setting of metrics that is not supported.
 */
export function startTelemetry(options: TelemetryOptions): Telemetry {
  current ??= createTelemetry(options);
  return current;
}

function createTelemetry(options: TelemetryOptions): Telemetry {
  const env = options.env ?? process.env;
  const reader = new PrometheusExporter({ preventServerStart: true });
  const otlp = env['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  const push = otlpMetricReader(env);
  const spanProcessors = options.spanProcessors ?? (otlp ? undefined : []);
  const sdk = new NodeSDK({
    serviceName: env['OTEL_SERVICE_NAME'] ?? options.serviceName,
    autoDetectResources: false,
    metricReaders: push ? [reader, push] : [reader],
    logRecordProcessors: [],
    ...(spanProcessors ? { spanProcessors } : {}),
  });
  sdk.start();
  observeProcess();
  return {
    async metricsText() {
      const { resourceMetrics } = await reader.collect();
      return prometheusText(withDeclaredSeries(resourceMetrics));
    },
    shutdown: () => sdk.shutdown(),
  };
}
