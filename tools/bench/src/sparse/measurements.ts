import { type BenchCase, type Measured, type Sparsity } from '../cases.js';
import { type BenchKv } from '../options.js';
import { median } from '../report.js';
import { type Engines, FOUR, isOurs, type Who } from './engines.js';
import { integrate } from './integrate.js';
import { asPeer } from './peer-failure.js';
import { CHUNK_TOKENS, depthsOf } from './sparse-cases.js';

const DECODE_TOKENS = 24;
/** A group is measured again as long as it has taken less. */
const ENOUGH_MS = 8000;

/** Who attends, and how; `dense` alone for llama.cpp. */
export interface Attender {
  who: Who;
  sparsity: Sparsity | 'dense';
}

/** One thing to measure. */
export interface Wanted extends Attender {
  kind: 'prefill' | 'decode';
  depth: number;
  sequences: number;
}

/** A chunk of a prompt. */
export function prefillAt(depth: number, attender: Attender): Wanted {
  return { ...attender, kind: 'prefill', depth, sequences: 1 };
}

export function decodeAt(depth: number, attender: Attender): Wanted {
  return { ...attender, kind: 'decode', depth, sequences: 1 };
}

export function decodeFourAt(depth: number, attender: Attender): Wanted {
  return { ...attender, kind: 'decode', depth, sequences: FOUR };
}

export interface MeasuringOptions {
  /** Most measurements of a case, at least one. */
  rounds: number;
  /** Told before something is measured. */
  say: (text: string) => void;
  /** Milliseconds. */
  now: () => number;
}

/**
 * What the rows are made of. A group is measured in turns, so that a slow minute of the machine hits all of it, and
 * once. What llama.cpp takes at depth is minutes, so what is known of it is used again in other groups.
 */
export class Measurements {
  readonly #engines: Engines;
  readonly #options: MeasuringOptions;
  readonly #groups = new Map<string, readonly Measured[]>();
  readonly #latest = new Map<string, Measured>();

  constructor(engines: Engines, options: MeasuringOptions) {
    this.#engines = engines;
    this.#options = options;
  }

  /** Medians, one for each. */
  async group(all: readonly Wanted[]): Promise<readonly Measured[]> {
    const name = all.map(nameOf).join(', then ');
    const known = this.#groups.get(name);
    if (known !== undefined) return known;
    const fresh = all.filter((wanted) => isOurs(wanted.who) || !this.#latest.has(nameOf(wanted)));
    await this.#inTurns(fresh);
    const measured = all.map((wanted) => this.#known(wanted));
    this.#groups.set(name, measured);
    return measured;
  }

  /** As it was measured last, in whatever group. */
  async one(wanted: Wanted): Promise<Measured> {
    if (!this.#latest.has(nameOf(wanted))) await this.group([wanted]);
    return this.#known(wanted);
  }

  /** Tokens per second of a whole prompt, from rates at depth, of each. */
  async integrated(tokens: number, attenders: readonly Attender[]): Promise<readonly number[]> {
    const depths = depthsOf(tokens);
    const groups: (readonly Measured[])[] = [];
    for (const depth of depths) groups.push(await this.group(attenders.map((each) => prefillAt(depth, each))));
    return attenders.map((_, i) => {
      const rates = depths.map((depth, at) => ({ depth, tokensPerSecond: groups[at]?.[i]?.tokensPerSecond ?? NaN }));
      return tokens / integrate(rates, tokens);
    });
  }

  /** Tokens per second of a prompt that is really read, chunk by chunk under each kind of attention in turn. */
  async whole(kv: BenchKv, tokens: number, kinds: readonly Attender['sparsity'][]): Promise<readonly number[]> {
    const nameOfKind = (kind: Attender['sparsity']) => `${kv} ${attentionName(kind)}, whole prompt of ${tokens}`;
    const fresh = kinds.filter((kind) => !this.#latest.has(nameOfKind(kind)));
    if (fresh.length > 0) {
      this.#options.say(fresh.map(nameOfKind).join(', then '));
      const side = await this.#engines.side(kv);
      const prompt = { promptTokens: tokens, chunkTokens: CHUNK_TOKENS, variants: fresh };
      const measured = await side.readPaired(prompt);
      for (const [i, each] of measured.entries()) this.#latest.set(nameOfKind(fresh[i] ?? 'dense'), each);
    }
    return kinds.map((kind) => this.#latest.get(nameOfKind(kind))?.tokensPerSecond ?? NaN);
  }

  /** Tokens per second of a prompt that OpenVINO reads with its sparse attention. */
  async openVino(tokens: number): Promise<number> {
    this.#options.say(`OpenVINO XATTENTION, whole prompt of ${tokens}`);
    const { tokensPerSecond } = await asPeer('OpenVINO GenAI', () => this.#engines.openVino(tokens));
    return tokensPerSecond;
  }

  async #inTurns(all: readonly Wanted[]): Promise<void> {
    const { rounds, now, say } = this.#options;
    if (all.length > 0) say(all.map(nameOf).join(', then '));
    const results = all.map((): Measured[] => []);
    const started = now();
    for (let round = 0; round < rounds && (round === 0 || now() - started < ENOUGH_MS); round++) {
      for (const [i, wanted] of all.entries()) {
        results[i]?.push(await this.#measure(wanted));
      }
    }
    for (const [i, wanted] of all.entries()) this.#latest.set(nameOf(wanted), middle(results[i] ?? []));
  }

  async #measure(wanted: Wanted): Promise<Measured> {
    const measure = async (): Promise<Measured> => (await this.#engines.side(wanted.who)).measure(caseOf(wanted));
    return isOurs(wanted.who) ? measure() : asPeer(wanted.who, measure);
  }

  #known(wanted: Wanted): Measured {
    const measured = this.#latest.get(nameOf(wanted));
    if (measured === undefined) throw new Error(`${nameOf(wanted)} was not measured`);
    return measured;
  }
}

function caseOf(wanted: Wanted): BenchCase {
  const { kind, depth, sequences, sparsity } = wanted;
  const tokens = kind === 'prefill' ? CHUNK_TOKENS : DECODE_TOKENS;
  const benchCase = { name: nameOf(wanted), kind, depth, sequences, tokens };
  return sparsity === 'dense' ? benchCase : { ...benchCase, sparsity };
}

function nameOf({ who, kind, depth, sequences, sparsity }: Wanted): string {
  const times = sequences === 1 ? '' : ` ${sequences} x`;
  return `${who} ${attentionName(sparsity)}, ${kind}${times} at ${depth}`;
}

function attentionName(sparsity: Attender['sparsity']): string {
  if (sparsity === 'dense') return 'dense';
  const { density, auditShare } = sparsity;
  return auditShare === undefined ? `at ${density}` : `at ${density} audited ${auditShare}`;
}

function middle(all: readonly Measured[]): Measured {
  const of = (pick: (each: Measured) => number | undefined): number => median(all.map((each) => pick(each) ?? 0));
  const rates = { tokensPerSecond: of((each) => each.tokensPerSecond), rssBytes: 0 };
  if (all[0]?.readShare === undefined) return rates;
  return { ...rates, selectionShare: of((each) => each.selectionShare), readShare: of((each) => each.readShare) };
}
