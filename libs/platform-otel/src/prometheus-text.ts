import { PrometheusSerializer } from '@opentelemetry/exporter-prometheus';
import { METRICS } from './metric-catalogue.js';
import type { MetricDefinition } from './metric-definition.js';

type ResourceMetrics = Parameters<PrometheusSerializer['serialize']>[0];

const aliases = new Map<string, string>(
  Object.values<MetricDefinition>(METRICS).flatMap((metric) => (metric.alias ? [[metric.name, metric.alias]] : [])),
);
const SUFFIX = /_(bucket|sum|count)$/;
/** `# HELP name ...`, `# TYPE name ...` or `name{labels} value`; the groups are what stands before, the name, the rest. */
const LINE = /^(# (?:HELP|TYPE|UNIT) )?([a-zA-Z_][a-zA-Z0-9_]*)(.*)$/;

/** A process serves one engine; vLLM's dashboards group by the label. */
const ENGINE = 'engine="0"';

/**
 * The Prometheus text format, with the samples of aliased metrics repeated under their second name and with the label
 * `engine`.
 */
export function prometheusText(collected: ResourceMetrics): string {
  const lines = new PrometheusSerializer('', false, undefined, false, true)
    .serialize(collected)
    .split('\n')
    // UNIT belongs to OpenMetrics; the plain text format does not know it.
    .filter((line) => line !== '' && !line.startsWith('# UNIT '));
  return [...lines, ...lines.flatMap(aliasLine), ''].join('\n');
}

function aliasLine(line: string): string[] {
  const [, before = '', name = '', rest = ''] = LINE.exec(line) ?? [];
  const labelled = before === '' ? withEngine(rest) : rest;
  const direct = aliases.get(name);
  if (direct !== undefined) return [`${before}${direct}${labelled}`];
  const suffix = SUFFIX.exec(name)?.[0] ?? '';
  const family = suffix === '' ? undefined : aliases.get(name.slice(0, -suffix.length));
  return family === undefined ? [] : [`${before}${family}${suffix}${labelled}`];
}

/** @param rest `{labels} value`, or ` value` of a sample without labels. */
function withEngine(rest: string): string {
  return rest.startsWith('{') ? `{${ENGINE},${rest.slice(1)}` : `{${ENGINE}}${rest}`;
}
