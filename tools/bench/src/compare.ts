import { median, rate, table } from './report.js';

/** One paired measurement, tokens per second; `peers` by the name of the peer's setting. */
export interface Round {
  ours: number;
  peers: ReadonlyMap<string, number>;
}

/** What `--json` writes, one a case. Rates are medians over the rounds in tokens per second. */
export interface Comparison {
  case: string;
  ours: number;
  peer: number;
  /** Median of the rounds' ratios to the peer's best setting. */
  ratio: number;
  bar: number | null;
  /** Null without a bar. */
  met: boolean | null;
  /** The peer and its setting that was best. */
  peerSetting: string;
  /** Smallest and largest ratio of a round. */
  spread: readonly [number, number];
}

/** What was compared, and how many times the peer's rate ours must be; null without a bar. */
export interface Compared {
  name: string;
  bar: number | null;
}

/** Takes the setting with the best median as the peer's, then compares round by round. */
export function compare({ name, bar }: Compared, rounds: readonly Round[]): Comparison {
  const settings = [...(rounds[0]?.peers.keys() ?? [])];
  const rates = (setting: string): number[] => rounds.map((round) => round.peers.get(setting) ?? Number.NaN);
  const [best] = settings.sort((a, b) => median(rates(b)) - median(rates(a)));
  if (best === undefined) throw new Error(`nothing to compare ${name} with`);
  const ratios = rounds.map((round) => round.ours / (round.peers.get(best) ?? Number.NaN));
  const ratio = median(ratios);
  return {
    case: name,
    ours: median(rounds.map((round) => round.ours)),
    peer: median(rates(best)),
    ratio,
    bar,
    met: bar === null ? null : ratio >= bar,
    peerSetting: best,
    spread: [Math.min(...ratios), Math.max(...ratios)],
  };
}

/** The comparisons for reading. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const head = ['tokens/s', 'ours', 'peer', 'which', 'ratio', 'spread', 'bar', ''];
  const rows = comparisons.map((row) => [
    row.case,
    rate(row.ours),
    rate(row.peer),
    row.peerSetting,
    `${row.ratio.toFixed(2)}x`,
    `${row.spread[0].toFixed(2)}-${row.spread[1].toFixed(2)}`,
    row.bar === null ? '-' : `${row.bar.toFixed(1)}x`,
    verdict(row),
  ]);
  return table([head, ...rows]);
}

function verdict({ met }: Comparison): string {
  if (met === null) return '';
  return met ? 'met' : 'MISSED';
}
