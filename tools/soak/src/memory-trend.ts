/** Resident memory over a run. */
export interface MemoryTrend {
  /** Largest sample of the first half, without its first eighth, when caches and pools are still being touched. */
  earlyPeakBytes: number;
  /** Largest sample of the second half. */
  latePeakBytes: number;
  /** Of the late peak over the early one; 0 or less is flat. */
  growth: number;
}

/**
 * Peaks are compared, not medians: the garbage collector gives memory back in steps minutes apart, so a median depends
 * on where in that saw-tooth a window falls, while a leak lifts every tooth. Null for fewer than eight samples.
 */
export function memoryTrend(samples: readonly number[]): MemoryTrend | null {
  if (samples.length < 8) return null;
  const middle = Math.floor(samples.length / 2);
  const earlyPeakBytes = Math.max(...samples.slice(Math.floor(middle / 4), middle));
  const latePeakBytes = Math.max(...samples.slice(middle));
  return { earlyPeakBytes, latePeakBytes, growth: latePeakBytes / earlyPeakBytes - 1 };
}
