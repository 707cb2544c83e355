import { invalidArgument } from '@longhaul/kernel';

export const MAX_STOPS = 16;
export const MAX_STOP_UNITS = 256;

export interface StopMatcherOptions {
  /** The stop string is part of the text. Default false. */
  includeStopString?: boolean;
}

export interface StopResult {
  /** Text that can be sent now. */
  text: string;
  /** The stop string that this push completed, or null. After one, nothing more may be pushed. */
  stopped: string | null;
}

/** Looks for stop strings in a stream of text and holds back what may become one. */
export interface StopMatcher {
  push(text: string): StopResult;
  /** The end of the stream without a stop: the text held back. */
  finish(): string;
}

/** A node of the Aho-Corasick automaton: a prefix of some stop string. */
interface State {
  readonly depth: number;
  readonly next: Map<number, State>;
  /** The longest proper suffix of this prefix that is a prefix as well. */
  fail: State | null;
  /** The longest stop string that ends here. */
  stop: string | null;
}

function state(depth: number): State {
  return { depth, next: new Map(), fail: null, stop: null };
}

function insert(root: State, stop: string): void {
  let at = root;
  for (let i = 0; i < stop.length; i++) {
    const unit = stop.charCodeAt(i);
    const next = at.next.get(unit) ?? state(at.depth + 1);
    at.next.set(unit, next);
    at = next;
  }
  at.stop = stop;
}

function follow(root: State, from: State, unit: number): State {
  for (let at: State | null = from; at !== null; at = at.fail) {
    const next = at.next.get(unit);
    if (next !== undefined) return next;
  }
  return root;
}

/** Breadth first, so that the failure link of a parent is known before its children's. */
function link(root: State): void {
  const queue: State[] = [root];
  for (const parent of queue) {
    for (const [unit, child] of parent.next) {
      child.fail = parent.fail === null ? root : follow(root, parent.fail, unit);
      child.stop ??= child.fail.stop;
      queue.push(child);
    }
  }
}

function check(stops: readonly string[]): void {
  if (stops.length > MAX_STOPS) {
    throw invalidArgument('stop', `stop has ${stops.length} strings; at most ${MAX_STOPS} are allowed.`);
  }
  for (const stop of stops) {
    if (stop === '' || stop.length > MAX_STOP_UNITS || /\p{Surrogate}/u.test(stop)) {
      throw invalidArgument('stop', `Each stop string must be well-formed text of 1 to ${MAX_STOP_UNITS} characters.`);
    }
  }
}

class AutomatonStopMatcher implements StopMatcher {
  readonly #root: State;
  readonly #includeStopString: boolean;
  #state: State;
  #held = '';

  constructor(stops: readonly string[], options: StopMatcherOptions) {
    this.#root = state(0);
    for (const stop of stops) insert(this.#root, stop);
    link(this.#root);
    this.#state = this.#root;
    this.#includeStopString = options.includeStopString ?? false;
  }

  push(text: string): StopResult {
    const all = this.#held + text;
    for (let at = this.#held.length; at < all.length; at++) {
      this.#state = follow(this.#root, this.#state, all.charCodeAt(at));
      const { stop } = this.#state;
      if (stop !== null) {
        this.#held = '';
        this.#state = this.#root;
        return { text: all.slice(0, this.#includeStopString ? at + 1 : at + 1 - stop.length), stopped: stop };
      }
    }
    const sendable = all.length - this.#state.depth;
    this.#held = all.slice(sendable);
    return { text: all.slice(0, sendable), stopped: null };
  }

  finish(): string {
    const rest = this.#held;
    this.#held = '';
    this.#state = this.#root;
    return rest;
  }
}

/**
 * A matcher for one choice. The stop string that ends first wins; of several that end together, the longest. What is
 * held back is the longest end of the text that begins some stop string, so never more than the longest one.
 *
 * @throws AppError INVALID_ARGUMENT naming `stop`: more than 16 strings, or one that is empty or over 256 characters
 */
export function createStopMatcher(stops: readonly string[], options: StopMatcherOptions = {}): StopMatcher {
  check(stops);
  return new AutomatonStopMatcher(stops, options);
}
