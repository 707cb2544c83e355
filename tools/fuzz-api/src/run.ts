import type { ApiCase, Outcome } from './case.js';
import { CASE_KINDS, drawKind } from './cases/index.js';
import { describeCase } from './describe.js';
import { judge, type Verdict } from './judge.js';
import { Random } from './random.js';
import { GrpcSender } from './send/grpc.js';
import { HttpSender } from './send/http.js';
import { sendRaw } from './send/raw.js';
import { checkServer, greedyAnswer } from './server-check.js';

export interface FuzzOptions {
  /** A server of `needle-3m` without a key, with gRPC. */
  readonly url: string;
  readonly grpcAddress: string;
  readonly cases: number;
  readonly seed: number;
  /** Only this case of the seed; null for all of them. */
  readonly only: number | null;
  /** Requests at once. */
  readonly concurrency: number;
  readonly onProgress?: (done: number) => void;
  /** Called with each fault as it is found. */
  readonly onFault?: (text: string) => void;
}

export interface FuzzRow extends Record<Verdict, number> {
  readonly case: string;
  count: number;
  faults: number;
}

export interface FuzzReport {
  readonly seed: number;
  readonly cases: number;
  readonly rows: readonly FuzzRow[];
  /** At most `MAX_EXAMPLES` per row. */
  readonly examples: readonly string[];
  /** What is wrong with the server after all of it; empty when it is well. */
  readonly serverFaults: readonly string[];
}

const MAX_EXAMPLES = 5;
/** How often the server is asked in between whether it is well. */
const CHECK_EVERY = 5000;

/**
 * Sends cases of every kind to a server and judges what comes back. The same seed sends the same cases; a case does
 * not depend on those before it.
 */
export async function fuzzApi(options: FuzzOptions): Promise<FuzzReport> {
  const run = new FuzzRun(options, await greedyAnswer(options.url));
  try {
    await run.all();
    return await run.report();
  } finally {
    run.close();
  }
}

class FuzzRun {
  readonly #options: FuzzOptions;
  readonly #known: string;
  readonly #http: HttpSender;
  readonly #grpc: GrpcSender;
  readonly #rows = new Map<string, FuzzRow>(CASE_KINDS.map(({ name }) => [name, emptyRow(name)]));
  readonly #examples: string[] = [];
  readonly #serverFaults: string[] = [];
  #next = 0;

  constructor(options: FuzzOptions, known: string) {
    this.#options = options;
    this.#known = known;
    this.#http = new HttpSender(options.url, options.concurrency);
    this.#grpc = new GrpcSender(options.grpcAddress);
  }

  async all(): Promise<void> {
    const { only, concurrency } = this.#options;
    if (only !== null) return this.#one(only);
    await Promise.all(Array.from({ length: concurrency }, () => this.#client()));
  }

  async report(): Promise<FuzzReport> {
    const { url, seed, cases } = this.#options;
    const faults = [...this.#serverFaults, ...(await checkServer(url, { greedy: this.#known, isQuiet: true }))];
    return { seed, cases, rows: [...this.#rows.values()], examples: this.#examples, serverFaults: faults };
  }

  close(): void {
    this.#http.close();
    this.#grpc.close();
  }

  async #client(): Promise<void> {
    while (this.#next < this.#options.cases && this.#serverFaults.length === 0) {
      const number = this.#next++;
      await this.#one(number);
      if ((number + 1) % CHECK_EVERY === 0) await this.#check(number + 1);
    }
  }

  async #check(done: number): Promise<void> {
    const faults = await checkServer(this.#options.url, { greedy: this.#known, isQuiet: false });
    this.#serverFaults.push(...faults.map((fault) => `after ${done} cases: ${fault}`));
    this.#options.onProgress?.(done);
  }

  async #one(number: number): Promise<void> {
    const random = new Random(this.#options.seed, number);
    const { name, make } = drawKind(random);
    const one = make(random);
    const outcome = await this.#send(one);
    const { verdict, faults } = judge(one, outcome);
    const row = this.#rows.get(name) ?? emptyRow(name);
    row.count++;
    row[verdict]++;
    if (faults.length === 0) return;
    row.faults++;
    if (row.faults > MAX_EXAMPLES) return;
    const text = `case ${number} (${name}): ${faults.join('; ')}\n  ${describeCase(one)}`;
    this.#examples.push(text);
    this.#options.onFault?.(text);
  }

  #send(one: ApiCase): Promise<Outcome> {
    switch (one.transport) {
      case 'http':
        return this.#http.send(one);
      case 'raw':
        return sendRaw(one, Number(new URL(this.#options.url).port));
      case 'grpc':
        return this.#grpc.send(one);
    }
  }
}

function emptyRow(name: string): FuzzRow {
  return { case: name, count: 0, answered: 0, refused: 0, busy: 0, closed: 0, cancelled: 0, faults: 0 };
}
