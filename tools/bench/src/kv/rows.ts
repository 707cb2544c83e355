/** One line of the result: what was measured, beside what, against which bar. */
export interface KvRow {
  readonly case: string;
  readonly ours: number;
  readonly peer: number | null;
  readonly ratio: number | null;
  /** `none`, or conditions such as `ours >= 1 or ratio >= 0.4`. */
  readonly bar: string;
  /** Null without a bar. */
  readonly met: boolean | null;
}

/** What a program's own file holds; each has its own idea of a bar. */
export interface RawRow {
  readonly case: string;
  readonly ours: number;
  readonly peer?: number | null;
  readonly ratio?: number | null;
  readonly bar?: number | string | null;
}

const CONDITION = /^(ours|ratio) (<=|>=|<|>) (\d+(?:\.\d+)?)$/;

/**
 * @param numericBar what a bar that is a number means, with `N` in its place.
 * @throws Error for a row or a bar that cannot be understood: nothing may count as met by mistake.
 */
export function toRow(raw: RawRow, numericBar: string): KvRow {
  if (typeof raw.case !== 'string' || !Number.isFinite(raw.ours)) throw new Error(`no result: ${JSON.stringify(raw)}`);
  const { ours, peer = null, ratio = null } = raw;
  const bar = barOf(raw.bar ?? 'none', numericBar);
  return { case: raw.case, ours, peer, ratio, bar, met: bar === 'none' ? null : isMet(bar, { ours, ratio }) };
}

function barOf(bar: number | string, numericBar: string): string {
  if (typeof bar === 'number') return numericBar.replaceAll('N', String(bar));
  return /^[<>]/.test(bar) ? `ours ${bar}` : bar;
}

function isMet(bar: string, values: { ours: number; ratio: number | null }): boolean {
  const conditions = bar.split(' or ').map((text) => {
    const [, name, sign, limit] = CONDITION.exec(text) ?? [];
    if (name === undefined) throw new Error(`no bar: ${bar}`);
    return holds(values[name as 'ours' | 'ratio'] ?? NaN, sign ?? '', Number(limit));
  });
  return conditions.includes(true);
}

function holds(value: number, sign: string, limit: number): boolean {
  switch (sign) {
    case '<=':
      return value <= limit;
    case '>=':
      return value >= limit;
    case '<':
      return value < limit;
    default:
      return value > limit;
  }
}
