/** Resident memory over a run. */
export interface MemoryTrend {
  /** Median of the second quarter of the samples, when caches and pools have been touched. */
  earlyBytes: number;
  /** Median of the last quarter. */
  lateBytes: number;
  /** Of `lateBytes` over `earlyBytes`; 0 is flat. */
  growth: number;
}

/** Null for fewer than eight samples. */
export function memoryTrend(samples: readonly number[]): MemoryTrend | null {
  if (samples.length < 8) return null;
  const quarter = Math.floor(samples.length / 4);
  const earlyBytes = median(samples.slice(quarter, 2 * quarter));
  const lateBytes = median(samples.slice(-quarter));
  return { earlyBytes, lateBytes, growth: lateBytes / earlyBytes - 1 };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}
