import { loadavg } from 'node:os';

/** Middle value; the mean of the two middle ones for an even count. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length >> 1;
  const upper = sorted[half] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[half - 1] ?? Number.NaN) + upper) / 2;
}

/** Lays rows out in columns: the first to the left, numbers to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join('  ');
  return rows.map(line).join('\n');
}

/** Digits that a measurement of a few per cent noise deserves. */
export function rate(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toFixed(1);
}

export function megabytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

/** Load beyond which another program is surely running. */
const BUSY_LOAD = 0.7;

/** Says so when other programs use the processor: both engines wait for their slowest thread. */
export function warnIfBusy(): void {
  const load = loadavg()[0] ?? 0;
  if (load < BUSY_LOAD) return;
  process.stderr.write(
    `The load of this machine is ${load.toFixed(1)}: something else is running, and the figures will be off.\n`,
  );
}
