import { mean } from '../report/rows.js';
import { table } from '../report/tables.js';
import { policyTitle } from '../policies/policy-choice.js';
import { placeKey } from '../run/outcome.js';
import { addLikeness } from './compare-rows.js';
import type { Comparison } from './comparison.js';

/** How far a policy's logits are those of dense: at the ends of prompts, and over dense's own answers. */
export interface AgreementRow {
  readonly policy: string;
  readonly dense_below: number | null;
  readonly kv: string;
  readonly task: string;
  readonly length: number;
  readonly samples: number;
  readonly phase: 'prefill' | 'decode';
  readonly positions: number;
  /** Share of positions with the same most likely token; null without positions. */
  readonly top1: number | null;
  /** Mean KL(dense || policy) in nats; null without positions. */
  readonly kl: number | null;
}

/** Two rows for every policy, KV type, task and length. */
export function agreementRowsOf(comparisons: readonly Comparison[]): AgreementRow[] {
  const groups = new Map<string, Comparison[]>();
  for (const each of comparisons) {
    const key = placeKey({ ...each, sample: -1 });
    groups.set(key, [...(groups.get(key) ?? []), each]);
  }
  return [...groups.values()].flatMap((group) => [rowOf(group, 'prefill'), rowOf(group, 'decode')]);
}

function rowOf(group: readonly Comparison[], phase: AgreementRow['phase']): AgreementRow {
  const [first] = group;
  if (first === undefined) throw new RangeError('A row has at least one comparison.');
  const { policy, dense_below, kv, task, length } = first;
  const { positions, same, kl } = addLikeness(
    group.map(({ prompt, answer }) => (phase === 'prefill' ? prompt : answer)),
  );
  const over = (sum: number): number | null => (positions === 0 ? null : sum / positions);
  const place = { policy, dense_below, kv, task, length, samples: group.length, phase };
  return { ...place, positions, top1: over(same), kl: over(kl) };
}

/** A line for every policy, KV type, length and phase, over all positions of all tasks. */
export function agreementTable(rows: readonly AgreementRow[]): string {
  const groups = new Map<string, AgreementRow[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.policy, row.dense_below, row.kv, row.length, row.phase]);
    groups.set(key, [...(groups.get(key) ?? []), row]);
  }
  const head = ['policy', 'kv', 'length', 'phase', 'positions', 'same top token', 'mean KL', 'worst task', 'its share'];
  return table([head, ...[...groups.values()].flatMap(lineOf)]);
}

function lineOf(rows: readonly AgreementRow[]): string[][] {
  const filled = rows.filter(({ positions }) => positions > 0);
  const [first] = filled;
  if (first === undefined) return [];
  const positions = filled.reduce((sum, row) => sum + row.positions, 0);
  const weighted = (of: (row: AgreementRow) => number | null): number =>
    mean(filled.map((row) => ((of(row) ?? 0) * row.positions * filled.length) / positions));
  const worst = filled.reduce((a, b) => ((b.top1 ?? 1) < (a.top1 ?? 1) ? b : a));
  const percent = (share: number | null): string => ((share ?? 0) * 100).toFixed(2);
  return [
    [
      ...[policyTitle({ name: first.policy, denseBelow: first.dense_below }), first.kv, String(first.length)],
      ...[first.phase, String(positions), percent(weighted(({ top1 }) => top1))],
      ...[weighted(({ kl }) => kl).toExponential(2), worst.task, percent(worst.top1)],
    ],
  ];
}
