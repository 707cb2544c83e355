import type { Draws } from '../../draws/draws.js';
import { drawThread, type Pair, type Placement } from './pairs.js';

/** What is hidden in an object of UUIDs, and what is asked about it. */
export interface ThreadingQuestion {
  /** In the order in which they lie in the text. */
  readonly needles: readonly Pair[];
  readonly placement: Placement;
  readonly question: string;
  readonly references: readonly string[];
}

export interface ThreadingKind {
  readonly name: string;
  /** The answer is a list of values, not one. */
  readonly list: boolean;
  draw(draws: Draws): ThreadingQuestion;
}

/** Needles, steps of a thread and threads: the smaller settings of the paper, as its hardest need hundreds of pages. */
const NEEDLES = 5;
const STEPS = 5;
const THREADS = 3;
const BRANCHES = 2;
/** In the keys that a condition is about, in place of one digit: no UUID has it. */
const MARK = '*';

const quoted = (keys: readonly string[]): string => JSON.stringify(keys);

/** Task kinds of Needle Threading (Roberts et al., arXiv:2411.05000, section 3). */
export const THREADING_KINDS: readonly ThreadingKind[] = [
  { name: 'nt_single', list: false, draw: single },
  { name: 'nt_multiple_random', list: true, draw: (draws) => multiple(draws, 'spread') },
  { name: 'nt_multiple_clustered', list: true, draw: (draws) => multiple(draws, 'clustered') },
  { name: 'nt_conditional', list: true, draw: conditional },
  { name: 'nt_thread_forward', list: false, draw: (draws) => thread(draws, (pairs) => pairs) },
  { name: 'nt_thread_backward', list: false, draw: (draws) => thread(draws, (pairs) => pairs.toReversed()) },
  { name: 'nt_thread_random', list: false, draw: (draws) => thread(draws, (pairs) => draws.shuffled(pairs)) },
  { name: 'nt_multi_thread', list: true, draw: multiThread },
  { name: 'nt_branched', list: false, draw: branched },
];

function single(draws: Draws): ThreadingQuestion {
  const needle = { key: draws.uuid(), value: draws.uuid() };
  return {
    ...{ needles: [needle], placement: 'spread', references: [needle.value] },
    question: `Which value does the key "${needle.key}" have in the object above? Write the value alone.`,
  };
}

function multiple(draws: Draws, placement: Placement): ThreadingQuestion {
  const needles = Array.from({ length: NEEDLES }, () => ({ key: draws.uuid(), value: draws.uuid() }));
  const asked = draws.shuffled(needles);
  return {
    ...{ needles, placement, references: asked.map(({ value }) => value) },
    question:
      `Which values do these keys have in the object above: ${quoted(asked.map(({ key }) => key))}? ` +
      'Write a JSON list of the values, in the order of the keys.',
  };
}

function conditional(draws: Draws): ThreadingQuestion {
  const needles = Array.from({ length: NEEDLES }, () => {
    const key = draws.uuid();
    // Not over a dash: the key stays as long as the others, in the same groups.
    const at = draws.below(8);
    return { key: key.slice(0, at) + MARK + key.slice(at + 1), value: draws.uuid() };
  });
  return {
    ...{ needles, placement: 'spread', references: needles.map(({ value }) => value) },
    question: `Which values have a key with the character "${MARK}" in it in the object above? Write a JSON list of the values.`,
  };
}

function thread(draws: Draws, order: (pairs: Pair[]) => Pair[]): ThreadingQuestion {
  const pairs = drawThread(draws, STEPS);
  return {
    ...{ needles: order(pairs), placement: 'spread', references: [pairs.at(-1)?.value ?? ''] },
    question: followed(`the key "${pairs[0]?.key ?? ''}"`, 'Write the last value alone.'),
  };
}

function multiThread(draws: Draws): ThreadingQuestion {
  const threads = Array.from({ length: THREADS }, () => drawThread(draws, STEPS));
  const keys = threads.map((pairs) => pairs[0]?.key ?? '');
  return {
    needles: draws.shuffled(threads.flat()),
    placement: 'spread',
    references: threads.map((pairs) => pairs.at(-1)?.value ?? ''),
    question: followed(
      `each of the keys ${quoted(keys)}`,
      'Write a JSON list of the last values, in the order of the keys.',
    ),
  };
}

/** Every key of the thread is there several times; one of its values goes on, the others end there. */
function branched(draws: Draws): ThreadingQuestion {
  const pairs = drawThread(draws, STEPS);
  const ends = pairs
    .slice(0, -1)
    .flatMap(({ key }) => Array.from({ length: BRANCHES - 1 }, () => ({ key, value: draws.uuid() })));
  return {
    needles: draws.shuffled([...pairs, ...ends]),
    placement: 'spread',
    references: [pairs.at(-1)?.value ?? ''],
    question: followed(
      `the key "${pairs[0]?.key ?? ''}"`,
      'A key may be there several times, with other values: follow all of them. Write the last value of the longest way alone.',
    ),
  };
}

function followed(start: string, wanted: string): string {
  return (
    `In the object above a value may be the key of another pair. Begin with ${start} and go from value to key ` +
    `until a value is no key. ${wanted}`
  );
}
