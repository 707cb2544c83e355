import type { FuzzReport, FuzzRow } from './run.js';

const HEADS = ['case', 'count', 'answered', 'refused', 'busy', 'closed', 'left', 'result'];

/** `ok`, or how many cases had something wrong. */
export function verdictOf({ count, faults }: FuzzRow): string {
  if (count === 0) return 'none';
  return faults === 0 ? 'ok' : `${faults} wrong`;
}

/** The report for a terminal. */
export function reportTable(report: FuzzReport & { readonly seconds: number }): string {
  const rows = report.rows.map((row) => [
    ...[row.case, row.count, row.answered, row.refused, row.busy, row.closed, row.cancelled].map(String),
    verdictOf(row),
  ]);
  const widths = HEADS.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) =>
        column === 0 || column === cells.length - 1
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const wrong = report.rows.reduce((sum, { faults }) => sum + faults, 0);
  const sent = report.rows.reduce((sum, { count }) => sum + count, 0);
  const server = report.serverFaults.length === 0 ? 'the server is well' : report.serverFaults.join('\n');
  const summary = `${sent} cases with seed ${report.seed} in ${report.seconds} s: ${wrong} wrong; ${server}`;
  return `${[line(HEADS), ...rows.map(line), '', summary].join('\n')}\n`;
}
