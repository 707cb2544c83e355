export type Result = 'ok' | 'failed' | 'left out';

/** One call of one client. */
export interface Row {
  readonly client: string;
  readonly call: string;
  readonly result: Result;
  readonly note: string;
}

const NOTE_WIDTH = 160;

/** What a script of a client printed: a JSON line for each call. */
export function rowsOf(client: string, output: { code: number; stdout: string; stderr: string }): Row[] {
  const rows = output.stdout
    .split('\n')
    .filter((line) => line.startsWith('{"call"'))
    .map((line) => ({ client, ...(JSON.parse(line) as Omit<Row, 'client'>) }));
  const saidWhy = rows.some(({ result }) => result === 'failed');
  if (output.code === 0 || saidWhy) return rows;
  const note = `exit code ${output.code}: ${output.stderr.trim().split('\n').slice(-4).join(' | ')}`;
  return [...rows, { client, call: 'all of it', result: 'failed', note }];
}

/** The rows for a terminal. */
export function rowTable(rows: readonly Row[]): string {
  const width = (cells: readonly string[]) => Math.max(...cells.map((cell) => cell.length));
  const clients = width(['client', ...rows.map(({ client }) => client)]);
  const calls = width(['call', ...rows.map(({ call }) => call)]);
  const line = ({ client, call, result, note }: { client: string; call: string; result: string; note: string }) =>
    `${client.padEnd(clients)}  ${call.padEnd(calls)}  ${result.padEnd(8)}  ${note.replaceAll('\n', ' ').slice(0, NOTE_WIDTH)}`.trimEnd();
  const count = (wanted: Result) => rows.filter(({ result }) => result === wanted).length;
  const summary = `${count('ok')} ok, ${count('failed')} failed, ${count('left out')} left out`;
  return [
    line({ client: 'client', call: 'call', result: 'result', note: 'note' }),
    ...rows.map(line),
    '',
    summary,
    '',
  ].join('\n');
}
