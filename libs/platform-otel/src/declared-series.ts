import { ValueType, type Attributes } from '@opentelemetry/api';
import {
  AggregationTemporality,
  DataPointType,
  type MetricData,
  type ResourceMetrics,
} from '@opentelemetry/sdk-metrics';
import { METRICS, type MetricKey } from './metric-catalogue.js';
import type { MetricDefinition } from './metric-definition.js';
import { KNOWN_LABELS, METRIC_OWNERS, type MetricOwner } from './metric-owners.js';

/** By metric, and within it by labels. */
const declared = new Map<MetricKey, Map<string, Attributes>>();

/**
 * Shows counters and histograms of an owner from now on, at zero until something happens: a series that only comes with
 * its first event breaks rates and alerts. Gauges are there as long as they are observed.
 *
 * @param labels what all series of the owner share; a metric with further labels is shown for the values that are known.
 */
export function declareSeries(owner: MetricOwner, labels: Attributes = {}): void {
  for (const key of METRIC_OWNERS[owner]) {
    const metric: MetricDefinition = METRICS[key];
    if (metric.kind === 'gauge') continue;
    for (const known of KNOWN_LABELS[key] ?? [{}]) declareOne(key, metric.labels, { ...labels, ...known });
  }
}

/** Nothing where a label has no value yet. */
function declareOne(key: MetricKey, names: readonly string[], values: Attributes): void {
  if (names.some((name) => values[name] === undefined)) return;
  const attributes = Object.fromEntries(names.map((name) => [name, values[name]]));
  const series = declared.get(key) ?? new Map<string, Attributes>();
  declared.set(key, series.set(seriesKey(attributes), attributes));
}

/** What was collected, and every declared series that is not in it, at zero. */
export function withDeclaredSeries(collected: ResourceMetrics): ResourceMetrics {
  const missing = new Map([...declared].map(([key, series]) => [METRICS[key].name as string, { key, series }]));
  const scopeMetrics = collected.scopeMetrics.map((scope) => ({
    ...scope,
    metrics: scope.metrics.map((data) => {
      const found = missing.get(data.descriptor.name);
      if (found === undefined) return data;
      missing.delete(data.descriptor.name);
      return completed(data, found.key, found.series);
    }),
  }));
  const added = Array.from(missing.values(), ({ key, series }) => zeroMetric(key, [...series.values()]));
  if (added.length === 0) return { ...collected, scopeMetrics };
  return { ...collected, scopeMetrics: [...scopeMetrics, { scope: { name: 'longhaul' }, metrics: added }] };
}

function completed(data: MetricData, key: MetricKey, series: ReadonlyMap<string, Attributes>): MetricData {
  const present = new Set(data.dataPoints.map(({ attributes }) => seriesKey(attributes)));
  const absent = [...series].filter(([labels]) => !present.has(labels)).map(([, attributes]) => attributes);
  if (absent.length === 0) return data;
  // Both hold points of the same kind: the catalogue says which.
  const dataPoints = [...data.dataPoints, ...zeroMetric(key, absent).dataPoints];
  return { ...data, dataPoints } as MetricData;
}

function zeroMetric(key: MetricKey, series: readonly Attributes[]): MetricData {
  const { name, help: description, unit, kind, buckets = [] }: MetricDefinition = METRICS[key];
  const common = {
    descriptor: { name, description, unit, valueType: ValueType.DOUBLE },
    aggregationTemporality: AggregationTemporality.CUMULATIVE,
  };
  const point = <T>(value: T) => series.map((attributes) => ({ attributes, startTime: START, endTime: START, value }));
  if (kind !== 'histogram')
    return { ...common, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: point(0) };
  const counts = Array.from({ length: buckets.length + 1 }, () => 0);
  const empty = { buckets: { boundaries: [...buckets], counts }, sum: 0, count: 0 };
  return { ...common, dataPointType: DataPointType.HISTOGRAM, dataPoints: point(empty) };
}

const START: [number, number] = [0, 0];

/** Labels in one order. */
function seriesKey(attributes: Attributes): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => (a < b ? -1 : 1)));
}
