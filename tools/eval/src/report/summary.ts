import { isDense, mean, type Row } from './rows.js';

/** One policy at one length and KV type over all its tasks, beside dense over the same tasks. */
export interface Summary {
  readonly policy: string;
  readonly dense_below: number | null;
  readonly kv: string;
  readonly length: number;
  readonly tasks: number;
  readonly accuracy: number;
  /** Dense's accuracy minus the policy's; negative where the policy is better. */
  readonly loss: number;
  /** The task that lost most against dense; for dense itself the one with the lowest accuracy. */
  readonly worst: { readonly task: string; readonly accuracy: number; readonly loss: number };
  readonly density: { readonly prefill: number; readonly decode: number };
  /** Seconds of dense over seconds of the policy, means over tasks. */
  readonly prefill_speedup: number;
  readonly decode_speedup: number | null;
  /** Share of dense's time to the last token that the policy saved; negative where it took longer. */
  readonly time_saved: number;
}

const groupKey = ({ policy, dense_below, kv, length }: Row): string =>
  JSON.stringify([policy, dense_below, kv, length]);

/**
 * @param rows of one run; a row without a dense one beside it is left out.
 * @param denseAtLeast tasks that dense attention does less well than this are left out: what a model cannot do says
 *   nothing about a policy.
 */
export function summariesOf(rows: readonly Row[], denseAtLeast = 0): Summary[] {
  const groups = new Map<string, { row: Row; dense: Row }[]>();
  for (const row of rows) {
    const dense = rows.find((each) => isDense(each) && sameCase(each, row));
    if (dense !== undefined && dense.accuracy >= denseAtLeast)
      groups.set(groupKey(row), [...(groups.get(groupKey(row)) ?? []), { row, dense }]);
  }
  return [...groups.values()].flatMap(summaryOf);
}

const sameCase = (a: Row, b: Row): boolean => a.kv === b.kv && a.task === b.task && a.length === b.length;

function summaryOf(pairs: readonly { row: Row; dense: Row }[]): Summary[] {
  const [first] = pairs;
  if (first === undefined) return [];
  const { policy, dense_below, kv, length } = first.row;
  const accuracy = mean(pairs.map(({ row }) => row.accuracy));
  const loss = mean(pairs.map(({ dense }) => dense.accuracy)) - accuracy;
  return [
    {
      ...{ policy, dense_below, kv, length, tasks: pairs.length, accuracy, loss },
      worst: worstOf(pairs),
      density: {
        prefill: mean(pairs.map(({ row }) => row.density.prefill)),
        decode: mean(pairs.map(({ row }) => row.density.decode)),
      },
      prefill_speedup: mean(pairs.map(({ dense }) => dense.prefill_s)) / mean(pairs.map(({ row }) => row.prefill_s)),
      decode_speedup: decodeSpeedup(pairs),
      time_saved: 1 - mean(pairs.map(({ row }) => row.total_s)) / mean(pairs.map(({ dense }) => dense.total_s)),
    },
  ];
}

function worstOf(pairs: readonly { row: Row; dense: Row }[]): Summary['worst'] {
  const all = pairs.map(({ row, dense }) => ({
    task: row.task,
    accuracy: row.accuracy,
    loss: dense.accuracy - row.accuracy,
  }));
  return all.reduce((worst, each) =>
    each.loss > worst.loss || (each.loss === worst.loss && each.accuracy < worst.accuracy) ? each : worst,
  );
}

function decodeSpeedup(pairs: readonly { row: Row; dense: Row }[]): number | null {
  const rated = pairs.flatMap(({ row, dense }) =>
    row.tokens_per_s === null || dense.tokens_per_s === null ? [] : [[1 / dense.tokens_per_s, 1 / row.tokens_per_s]],
  );
  if (rated.length === 0) return null;
  return mean(rated.map(([of = 0]) => of)) / mean(rated.map(([, of = 0]) => of));
}
