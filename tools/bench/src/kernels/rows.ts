import { median, table } from '../report.js';
import { barOf, mostOf } from './bars.js';
import { type KernelMeasurement, type LimitMeasurement, type ShareMeasurement } from './measurement.js';

/** One line of the result. Rates are medians over the rounds, in units of 10^9 a second. */
export interface KernelRow {
  readonly case: string;
  readonly ours: number;
  readonly limit: number | null;
  /** Median of the rounds' shares of the limit. */
  readonly ratio: number | null;
  readonly bar: number | null;
  /** Null without a bar. */
  readonly met: boolean | null;
  /** The limit that binds: the one that alone would take longest; null for a limit itself. */
  readonly binds: string | null;
  readonly unit: 'GOP/s' | 'GB/s' | 'share';
  /** Smallest and largest share of a round; of a limit, its smallest and largest rate. */
  readonly spread: readonly [number, number];
  readonly level: string;
  readonly threads: number;
}

const GIGA = 1e9;
const DRAM = 'DRAM read';

export function limitRow({ limit, instructions, threads, perSecond }: LimitMeasurement): KernelRow {
  const rates = perSecond.map((rate) => rate / GIGA);
  return {
    case: `limit: ${limit}`,
    ours: median(rates),
    limit: null,
    ratio: null,
    bar: null,
    met: null,
    binds: null,
    unit: limit === DRAM ? 'GB/s' : 'GOP/s',
    spread: [Math.min(...rates), Math.max(...rates)],
    level: instructions,
    threads,
  };
}

/** @param mostThreads the largest number of threads of the run; decode has bars with these. */
export function kernelRow(measured: KernelMeasurement, mostThreads: number): KernelRow {
  const { rounds, operations, bytes, threads } = measured;
  const arithmeticSeconds = median(rounds.map((round) => operations / round.operationsPerSecond));
  const readingSeconds = median(rounds.map((round) => bytes / round.bytesPerSecond));
  const isReading = readingSeconds > arithmeticSeconds;
  const work = (isReading ? bytes : operations) / GIGA;
  const limits = rounds.map((round) => (isReading ? round.bytesPerSecond : round.operationsPerSecond) / GIGA);
  const shares = rounds.map((round, i) => work / round.seconds / (limits[i] ?? Number.NaN));
  const ratio = median(shares);
  const binds = isReading ? DRAM : measured.arithmetic;
  const bar = measured.phase === 'decode' && threads < mostThreads ? null : barOf({ case: measured.case, binds });
  return {
    case: measured.case,
    ours: median(rounds.map((round) => work / round.seconds)),
    limit: median(limits),
    ratio,
    bar,
    met: bar === null ? null : ratio >= bar,
    binds,
    unit: isReading ? 'GB/s' : 'GOP/s',
    spread: [Math.min(...shares), Math.max(...shares)],
    level: measured.level,
    threads,
  };
}

/** What a part takes of the whole; its bar is a most, not a least. */
export function shareRow({ share, level, threads, shares }: ShareMeasurement): KernelRow {
  const ours = median(shares);
  const bar = mostOf(share);
  return {
    case: share,
    ours,
    limit: null,
    ratio: ours,
    bar,
    met: bar === null ? null : ours <= bar,
    binds: null,
    unit: 'share',
    spread: [Math.min(...shares), Math.max(...shares)],
    level,
    threads,
  };
}

/** The rows for reading. */
export function kernelTable(rows: readonly KernelRow[]): string {
  const head = ['case', 'kernels', 'threads', 'ours', 'limit', '', 'binds', 'share', 'spread', 'bar', ''];
  return table([head, ...rows.filter((row) => row.limit !== null).map(kernelLine)]);
}

export function limitTable(rows: readonly KernelRow[]): string {
  const head = ['limit', 'measured with', 'threads', 'rate', '', 'spread'];
  const lines = rows
    .filter((row) => row.limit === null && row.unit !== 'share')
    .map((row) => [
      row.case.replace('limit: ', ''),
      row.level,
      String(row.threads),
      figure(row.ours),
      row.unit,
      row.spread.map(figure).join('-'),
    ]);
  return table([head, ...lines]);
}

/** Empty where nothing was measured as a share. */
export function shareTable(rows: readonly KernelRow[]): string {
  const shares = rows.filter((row) => row.unit === 'share');
  if (shares.length === 0) return '';
  const head = ['part', 'kernels', 'share', 'spread', 'at most', ''];
  return table([head, ...shares.map(shareLine)]);
}

function shareLine(row: KernelRow): string[] {
  return [
    row.case,
    row.level,
    percent(row.ours),
    row.spread.map(percent).join('-'),
    row.bar === null ? '-' : percent(row.bar),
    row.met === null ? '' : row.met ? 'met' : 'MISSED',
  ];
}

function kernelLine(row: KernelRow): string[] {
  return [
    row.case,
    row.level,
    String(row.threads),
    figure(row.ours),
    figure(row.limit ?? Number.NaN),
    row.unit,
    row.binds ?? '',
    percent(row.ratio ?? Number.NaN),
    row.spread.map(percent).join('-'),
    row.bar === null ? '-' : percent(row.bar),
    row.met === null ? '' : row.met ? 'met' : 'MISSED',
  ];
}

const figure = (value: number): string => value.toFixed(value >= 100 ? 0 : 1);
const percent = (share: number): string => `${(100 * share).toFixed(0)}%`;
