import { policyTitle } from '../policies/policy-choice.js';
import type { Row } from './rows.js';
import type { Summary } from './summary.js';

const percent = (share: number): string => (share * 100).toFixed(1);
const figure = (value: number | null, digits: number): string => (value === null ? '-' : value.toFixed(digits));
const title = ({ policy, dense_below }: { policy: string; dense_below: number | null }): string =>
  policyTitle({ name: policy, denseBelow: dense_below });

/** All rows: accuracies, densities and recall in percent. */
export function rowTable(rows: readonly Row[]): string {
  const head = [
    ...['policy', 'kv', 'length', 'task', 'samples', 'accuracy', 'same', 'prefill density', 'decode density'],
    ...['recall', 'prefill s', 'tokens/s', 'cut', 'fallbacks'],
  ];
  const lines = rows.map((row) => [
    ...[title(row), row.kv, String(row.length), row.task, String(row.samples)],
    ...[percent(row.accuracy), percent(row.same_as_dense)],
    ...[percent(row.density.prefill), percent(row.density.decode)],
    ...[row.recall === null ? '-' : percent(row.recall), figure(row.prefill_s, 2), figure(row.tokens_per_s, 1)],
    ...[percent(row.cut), String(row.fallbacks)],
  ]);
  return table([head, ...lines]);
}

/** Each policy over its tasks, with its worst task. */
export function summaryTable(summaries: readonly Summary[]): string {
  const head = ['policy', 'kv', 'length', 'tasks', 'accuracy', 'loss', 'worst task', 'its accuracy', 'its loss'];
  const lines = summaries.map((each) => [
    ...[title(each), each.kv, String(each.length), String(each.tasks), percent(each.accuracy), percent(each.loss)],
    ...[each.worst.task, percent(each.worst.accuracy), percent(each.worst.loss)],
    ...[figure(each.prefill_speedup, 2), figure(each.decode_speedup, 2), percent(each.time_saved)],
  ]);
  return table([[...head, 'prefill speedup', 'decode speedup', 'time saved'], ...lines]);
}

/** Columns side by side, the first to the left and the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const cell = (text: string, i: number): string =>
    i === 0 ? text.padEnd(widths[i] ?? 0) : text.padStart(widths[i] ?? 0);
  return rows.map((row) => row.map(cell).join('  ')).join('\n');
}
