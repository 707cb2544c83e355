import {
  metrics,
  type Attributes,
  type Counter,
  type Histogram,
  type ObservableCounter,
  type ObservableGauge,
} from '@opentelemetry/api';
import { METRICS, type MetricKey } from './metric-catalogue.js';
import type { MetricDefinition } from './metric-definition.js';

type KeysOf<Kind extends MetricDefinition['kind']> = {
  [K in MetricKey]: (typeof METRICS)[K]['kind'] extends Kind ? K : never;
}[MetricKey];

export type CounterKey = KeysOf<'counter'>;
export type GaugeKey = KeysOf<'gauge'>;
export type HistogramKey = KeysOf<'histogram'>;

const meterName = 'longhaul';
const counters = new Map<CounterKey, Counter>();
const histograms = new Map<HistogramKey, Histogram>();
const gauges = new Map<GaugeKey, ObservableGauge>();
const totals = new Map<CounterKey, ObservableCounter>();

/** Adds to a counter. Adding 0 makes a counter visible before its first event. */
export function count(key: CounterKey, amount: number, attributes: Attributes = {}): void {
  const counter = obtain(counters, key, () => meter().createCounter(METRICS[key].name, describe(key)));
  counter.add(amount, attributes);
}

/** Records one value in a histogram, in the unit of the catalogue. */
export function record(key: HistogramKey, value: number, attributes: Attributes = {}): void {
  const create = () =>
    meter().createHistogram(METRICS[key].name, {
      ...describe(key),
      advice: { explicitBucketBoundaries: [...METRICS[key].buckets] },
    });
  obtain(histograms, key, create).record(value, attributes);
}

/**
 * Reads a gauge at each scrape, until the returned function is called; its last value stays visible after that. NaN is
 * no sample.
 */
export function observe(key: GaugeKey, read: () => number, attributes: Attributes = {}): () => void {
  const gauge = obtain(gauges, key, () => meter().createObservableGauge(METRICS[key].name, describe(key)));
  return watch(gauge, read, attributes);
}

/** The same for a counter that somebody else keeps. */
export function observeTotal(key: CounterKey, read: () => number, attributes: Attributes = {}): () => void {
  const total = obtain(totals, key, () => meter().createObservableCounter(METRICS[key].name, describe(key)));
  return watch(total, read, attributes);
}

function watch(instrument: ObservableGauge | ObservableCounter, read: () => number, attributes: Attributes) {
  const callback = (result: { observe(value: number, attributes?: Attributes): void }) => {
    const value = read();
    if (!Number.isNaN(value)) result.observe(value, attributes);
  };
  instrument.addCallback(callback);
  return () => {
    instrument.removeCallback(callback);
  };
}

function meter() {
  return metrics.getMeter(meterName);
}

function describe(key: MetricKey) {
  return { description: METRICS[key].help, unit: METRICS[key].unit };
}

function obtain<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const created = create();
  map.set(key, created);
  return created;
}
