import { table } from '../report.js';

/** One line of the result: a value that must not be above (or, with `atLeast`, below) its bar. */
export interface FidelityRow {
  readonly case: string;
  readonly value: number;
  readonly bar: number;
  readonly met: boolean;
}

export function atMost(name: string, value: number, bar: number): FidelityRow {
  return { case: name, value, bar, met: value <= bar };
}

export function atLeast(name: string, value: number, bar: number): FidelityRow {
  return { case: name, value, bar, met: value >= bar };
}

export function fidelityTable(rows: readonly FidelityRow[]): string {
  const lines = rows.map((row) => [row.case, figure(row.value), figure(row.bar), row.met ? 'met' : 'MISSED']);
  return table([['case', 'value', 'bar', ''], ...lines]);
}

const figure = (value: number): string => (Number.isInteger(value) ? String(value) : value.toPrecision(3));
