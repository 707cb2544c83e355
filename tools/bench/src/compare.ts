import { type BenchCase } from './cases.js';
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
  /** Setting of the peer that was best. */
  peerSetting: string;
  /** Smallest and largest ratio of a round. */
  spread: readonly [number, number];
}

/** Takes the setting with the best median as the peer's, then compares round by round. */
export function compare(benchCase: BenchCase, rounds: readonly Round[]): Comparison {
  const settings = [...(rounds[0]?.peers.keys() ?? [])];
  const rates = (setting: string): number[] => rounds.map((round) => round.peers.get(setting) ?? Number.NaN);
  const [best] = settings.sort((a, b) => median(rates(b)) - median(rates(a)));
  if (best === undefined) throw new Error(`nothing to compare ${benchCase.name} with`);
  const ratios = rounds.map((round) => round.ours / (round.peers.get(best) ?? Number.NaN));
  return {
    case: benchCase.name,
    ours: median(rounds.map((round) => round.ours)),
    peer: median(rates(best)),
    ratio: median(ratios),
    bar: benchCase.bar,
    peerSetting: best,
    spread: [Math.min(...ratios), Math.max(...ratios)],
  };
}

/** The comparisons for reading. */
export function comparisonTable(comparisons: readonly Comparison[]): string {
  const head = ['tokens/s', 'ours', 'llama.cpp', 'setting', 'ratio', 'spread', 'bar', ''];
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

function verdict({ ratio, bar }: Comparison): string {
  if (bar === null) return '';
  return ratio >= bar ? 'met' : 'MISSED';
}
