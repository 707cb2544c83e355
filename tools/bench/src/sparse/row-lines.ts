import { rate } from '../report.js';
import { type SparseRow } from './sparse-row.js';

/** Lines of a table whose rows come one by one. */
export class RowLines {
  readonly #nameWidth: number;

  /** @param names of all rows that may come. */
  constructor(names: readonly string[]) {
    this.#nameWidth = Math.max(...names.map((name) => name.length));
  }

  head(): string {
    return this.#line(['', 'density', 'ours', 'peer', 'ratio', 'bar', '', 'how']);
  }

  row(row: SparseRow): string {
    const isShare = row.peer === null;
    const shown = (value: number | null): string => {
      if (value === null) return '-';
      return isShare ? `${(value * 100).toFixed(1)} %` : `${value.toFixed(2)}x`;
    };
    const { ours, peer, ratio, bar, met } = row;
    return this.#line([
      row.case,
      `${(row.density * 100).toFixed(1)} %`,
      ours === null || isShare ? shown(ours) : rate(ours),
      peer === null ? '-' : rate(peer),
      shown(ratio),
      bar === null ? '-' : row.ours === null || !isShare ? `${bar}x` : `${bar * 100} %`,
      met === null ? '' : met ? 'met' : 'MISSED',
      row.how,
    ]);
  }

  #line([name = '', ...cells]: readonly string[]): string {
    const last = cells.length - 1;
    const laid = cells.map((cell, i) => (i === last ? cell : cell.padStart(WIDTHS[i] ?? 0)));
    return [name.padEnd(this.#nameWidth), ...laid].join('  ').trimEnd();
  }
}

const WIDTHS = [7, 7, 7, 7, 6, 6];
