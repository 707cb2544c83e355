import { METRICS } from './metric-catalogue.js';
import type { MetricDefinition } from './metric-definition.js';

/** All metrics as a Markdown table, for docs/metrics.md. */
export function metricsMarkdown(): string {
  const rows = Object.values<MetricDefinition>(METRICS).map((metric) => {
    const alias = metric.alias ? `\`${metric.alias}\`` : '';
    const labels = metric.labels.map((label) => `\`${label}\``).join(', ');
    return `| \`${metric.name}\` | ${alias} | ${metric.kind} | ${metric.unit} | ${labels} | ${metric.help} | ${metric.action} |`;
  });
  return [
    '| Metric | Alias | Kind | Unit | Labels | Meaning | What to do |',
    '|---|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
