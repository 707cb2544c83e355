import { setTimeout as sleep } from 'node:timers/promises';
import type { Interface } from 'node:readline';

/** Lines that come closer together than anybody types were pasted, and belong together. */
const PASTE_MS = 40;
const FENCE = '"""';

/** A line editor, as far as turns need it: what has been typed of the line that is not finished yet. */
export type LineSource = Pick<Interface, 'prompt' | 'setPrompt' | 'line'> & AsyncIterable<string>;

export interface TurnOptions {
  /** On a terminal lines may be pasted. In a pipe every line is a turn. */
  readonly interactive: boolean;
  /** False once the source has ended; a prompt would fail then. */
  readonly isOpen: () => boolean;
  /** Waits as long as a paste may still be going on; replaced by tests. */
  readonly settle?: () => Promise<unknown>;
}

/**
 * What a user says, turn by turn: a line, several lines that were pasted at once, or the lines between two lines of
 * three quotes. None is lost that comes while an answer is being written.
 */
export function readTurns(source: LineSource, options: TurnOptions): AsyncGenerator<string, void> {
  // Lines that come before the first turn is asked for must find a reader.
  return turnsOf(source, new LineReader(source), options);
}

async function* turnsOf(source: LineSource, reader: LineReader, options: TurnOptions): AsyncGenerator<string, void> {
  const settle = options.settle ?? (() => sleep(PASTE_MS));
  const ask = (prompt: string) => {
    if (!options.isOpen()) return;
    source.setPrompt(prompt);
    source.prompt(true);
  };
  for (;;) {
    ask('> ');
    const first = await reader.next();
    if (first === null) return;
    if (first.trimStart().startsWith(FENCE)) yield await fenced(first, reader, () => ask('. '));
    else if (options.interactive) yield await pasted(first, { reader, source, settle });
    else yield first;
  }
}

/** Goes on while lines come at once, and while a part of a line is there that the paste left behind. */
async function pasted(
  first: string,
  { reader, source, settle }: { reader: LineReader; source: LineSource; settle: () => Promise<unknown> },
): Promise<string> {
  const lines = [first];
  await settle();
  for (let isPaste = false; reader.hasMore || (isPaste && source.line !== '');) {
    isPaste = true;
    const next = await reader.next();
    if (next === null) break;
    lines.push(next);
    await settle();
  }
  return lines.join('\n');
}

/** @param opening the line with the three quotes; what stands behind them is the first line. */
async function fenced(opening: string, reader: LineReader, ask: () => void): Promise<string> {
  const lines: string[] = [];
  let rest = opening.trimStart().slice(FENCE.length);
  for (;;) {
    if (rest.trimEnd().endsWith(FENCE)) {
      lines.push(rest.trimEnd().slice(0, -FENCE.length));
      break;
    }
    lines.push(rest);
    ask();
    const next = await reader.next();
    if (next === null) break;
    rest = next;
  }
  return lines.join('\n').replace(/^\n/, '').replace(/\n$/, '');
}

/** Lines one by one, and whether another one has come already; reads one ahead and no more. */
class LineReader {
  readonly #iterator: AsyncIterator<string>;
  #ahead: Promise<string | null> | null = null;
  #come: string | null = null;

  constructor(source: AsyncIterable<string>) {
    this.#iterator = source[Symbol.asyncIterator]();
  }

  get hasMore(): boolean {
    return this.#come !== null;
  }

  /** Null at the end. */
  async next(): Promise<string | null> {
    const line = await this.#read();
    this.#ahead = null;
    this.#come = null;
    if (line !== null) void this.#read();
    return line;
  }

  #read(): Promise<string | null> {
    this.#ahead ??= this.#iterator.next().then(({ done, value }) => (this.#come = done === true ? null : value));
    return this.#ahead;
  }
}
