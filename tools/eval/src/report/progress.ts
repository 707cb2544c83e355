/** Where progress is told: stderr. */
export interface ProgressOutput {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

const TELL_MS = 10_000;

/** How far a run is, on stderr: one line that is redrawn on a terminal, else a line every ten seconds. */
export class Progress {
  readonly #total: number;
  readonly #output: ProgressOutput;
  readonly #terminal: boolean;
  #done = 0;
  #toldMs = Number.NEGATIVE_INFINITY;

  constructor(total: number, output: ProgressOutput = process.stderr) {
    this.#total = total;
    this.#output = output;
    this.#terminal = output.isTTY === true;
  }

  /** @param what the sample that was finished, and how. */
  step(what: string): void {
    this.#done++;
    const line = `${this.#done} of ${this.#total}: ${what}`;
    const now = performance.now();
    if (this.#terminal) this.#output.write(`\r\x1b[K${line}`);
    else if (now - this.#toldMs >= TELL_MS || this.#done === this.#total) {
      this.#toldMs = now;
      this.#output.write(`${line}\n`);
    }
  }

  end(): void {
    if (this.#terminal && this.#done > 0) this.#output.write('\n');
  }
}
