import { placeKey, type Outcome } from '../run/outcome.js';

/** One line of the result: a task at a length under a policy and a KV type. */
export interface Row {
  readonly policy: string;
  /** Null for dense. */
  readonly dense_below: number | null;
  readonly kv: string;
  readonly task: string;
  readonly length: number;
  readonly samples: number;
  /** Mean score, 0 to 1. */
  readonly accuracy: number;
  /** Share of the visible keys that was read; 1 is dense. */
  readonly density: { readonly prefill: number; readonly decode: number };
  /** Seconds to the first token, mean. */
  readonly prefill_s: number;
  /** Seconds to the last token, mean. */
  readonly total_s: number;
  /** Tokens a second behind the first, of answers of eight or more; null without such. */
  readonly tokens_per_s: number | null;
  /** Attention mass of the keys that were read, by the audit; null without one. */
  readonly recall: number | null;
  /** Share of the answers that are word for word those of dense at the same KV type. */
  readonly same_as_dense: number;
  /** Share of empty answers, and of answers that ended by their bound. */
  readonly empty: number;
  readonly cut: number;
  readonly answer_tokens: number;
  readonly fallbacks: number;
}

/** Rows in the order in which their first samples were finished, those of dense first. */
export function rowsOf(outcomes: readonly Outcome[]): Row[] {
  const groups = new Map<string, Outcome[]>();
  for (const outcome of outcomes) {
    const key = placeKey({ ...outcome, sample: -1 });
    groups.set(key, [...(groups.get(key) ?? []), outcome]);
  }
  const dense = new Map(outcomes.filter(({ policy }) => policy === 'dense').map((each) => [placeKey(each), each]));
  const rows = [...groups.values()].map((group) => rowOf(group, dense));
  return [...rows.filter(isDense), ...rows.filter((row) => !isDense(row))];
}

export const isDense = ({ policy }: Pick<Row, 'policy'>): boolean => policy === 'dense';

function rowOf(group: readonly Outcome[], dense: ReadonlyMap<string, Outcome>): Row {
  const [first] = group;
  if (first === undefined) throw new RangeError('A row has at least one sample.');
  const { policy, dense_below, kv, task, length } = first;
  const sameAsDense = (each: Outcome): boolean =>
    dense.get(placeKey({ ...each, policy: 'dense', dense_below: null }))?.answer === each.answer;
  return {
    ...{ policy, dense_below, kv, task, length, samples: group.length },
    accuracy: mean(group.map(({ score }) => score)),
    density: {
      prefill: mean(group.map(({ density }) => density.prefill)),
      decode: mean(group.map(({ density }) => density.decode)),
    },
    prefill_s: mean(group.map(({ prefill_s }) => prefill_s)),
    total_s: mean(group.map(({ prefill_s, decode_s }) => prefill_s + decode_s)),
    tokens_per_s: decodeRate(group),
    recall: meanOrNull(group.flatMap(({ recall }) => recall ?? [])),
    same_as_dense: shareOf(group, sameAsDense),
    empty: shareOf(group, ({ answer }) => answer.trim() === ''),
    cut: shareOf(group, ({ cut }) => cut),
    answer_tokens: mean(group.map(({ answer_tokens }) => answer_tokens)),
    fallbacks: group.reduce((sum, { fallbacks }) => sum + fallbacks, 0),
  };
}

/** Shorter answers come in one piece with their first token: their time says nothing. */
const LEAST_TIMED_TOKENS = 8;

/** All tokens over all time, so that short answers do not weigh more than they took. */
function decodeRate(group: readonly Outcome[]): number | null {
  const timed = group.filter(({ answer_tokens }) => answer_tokens >= LEAST_TIMED_TOKENS);
  const tokens = timed.reduce((sum, { answer_tokens }) => sum + answer_tokens - 1, 0);
  const seconds = timed.reduce((sum, { decode_s }) => sum + decode_s, 0);
  return seconds > 0 ? tokens / seconds : null;
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function meanOrNull(values: readonly number[]): number | null {
  return values.length === 0 ? null : mean(values);
}

function shareOf<T>(items: readonly T[], is: (item: T) => boolean): number {
  return items.filter(is).length / items.length;
}
