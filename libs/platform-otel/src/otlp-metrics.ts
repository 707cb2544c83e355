import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto';
import { PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { AppError } from '@longhaul/kernel';

type Env = Readonly<Record<string, string | undefined>>;

const PROTOCOL = 'http/protobuf';
const DEFAULT_INTERVAL_MS = 60_000;
const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * Pushes the metrics, under their own names, to the OTLP endpoint that the environment names
 * (`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`); null without one or with
 * `OTEL_METRICS_EXPORTER=none`.
 *
 * @throws AppError `CONFIG_INVALID` for another protocol than http/protobuf, and for intervals that are no numbers.
 */
export function otlpMetricReader(env: Env): PeriodicExportingMetricReader | null {
  const general = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const url =
    env['OTEL_EXPORTER_OTLP_METRICS_ENDPOINT'] ?? (general ? `${general.replace(/\/+$/, '')}/v1/metrics` : '');
  if (url === '' || env['OTEL_METRICS_EXPORTER'] === 'none') return null;
  const protocol = env['OTEL_EXPORTER_OTLP_METRICS_PROTOCOL'] ?? env['OTEL_EXPORTER_OTLP_PROTOCOL'] ?? PROTOCOL;
  if (protocol !== PROTOCOL) {
    throw invalid(
      `OTEL_EXPORTER_OTLP_METRICS_PROTOCOL (or OTEL_EXPORTER_OTLP_PROTOCOL) must be ${PROTOCOL} for metrics; ` +
        'OTEL_METRICS_EXPORTER=none turns their export off.',
    );
  }
  const intervalMs = milliseconds(env, 'OTEL_METRIC_EXPORT_INTERVAL', DEFAULT_INTERVAL_MS);
  const timeoutMs = milliseconds(env, 'OTEL_METRIC_EXPORT_TIMEOUT', DEFAULT_TIMEOUT_MS);
  return new PeriodicExportingMetricReader({
    // Headers, compression and certificates are the exporter's own to read from the environment.
    exporter: new OTLPMetricExporter({ url }),
    exportIntervalMillis: intervalMs,
    exportTimeoutMillis: Math.min(timeoutMs, intervalMs),
  });
}

function milliseconds(env: Env, name: string, otherwise: number): number {
  const text = env[name];
  if (text === undefined || text === '') return otherwise;
  const value = Number(text);
  if (Number.isInteger(value) && value > 0) return value;
  throw invalid(`${name} must be a whole number of milliseconds above 0.`);
}

function invalid(message: string): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'CONFIG_INVALID', message });
}
