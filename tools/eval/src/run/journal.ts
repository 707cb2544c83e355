import { appendFileSync, existsSync, truncateSync, writeFileSync } from 'node:fs';
import { mustReadText } from '@longhaul/files';
import { AppError } from '@longhaul/kernel';
import { comparisonKey, type Comparison, type ComparisonPlace } from '../agreement/comparison.js';
import { placeKey, type Outcome, type OutcomePlace } from './outcome.js';

/** What a finished sample depends on. Lists (tasks, lengths, policies, samples) may grow from run to run. */
export type JournalSettings = Readonly<Record<string, string | number | null>>;

const VERSION = 1;
const MAX_BYTES = 2 ** 28;
const OPTION = '--resume';

interface Head {
  readonly journal: number;
  readonly settings: JournalSettings;
}

/** Finished samples in a file, one JSON object a line, behind a line with the settings. Null as its path keeps none. */
export class Journal {
  readonly #path: string | null;
  readonly #outcomes = new Map<string, Outcome>();
  readonly #comparisons = new Map<string, Comparison>();
  /** Of policies by their titles. */
  readonly #policies = new Map<string, string>();

  /** @param path a file; made where it is missing, read again where it is there. @throws AppError `BAD_JOURNAL`, `OTHER_SETTINGS` */
  constructor(path: string | null, settings: JournalSettings) {
    this.#path = path;
    if (path === null) return;
    if (existsSync(path)) this.#read(path, settings);
    else writeFileSync(path, line({ journal: VERSION, settings } satisfies Head));
  }

  get outcomes(): readonly Outcome[] {
    return [...this.#outcomes.values()];
  }

  find(place: OutcomePlace): Outcome | null {
    return this.#outcomes.get(placeKey(place)) ?? null;
  }

  get comparisons(): readonly Comparison[] {
    return [...this.#comparisons.values()];
  }

  comparison(place: ComparisonPlace): Comparison | null {
    return this.#comparisons.get(comparisonKey(place)) ?? null;
  }

  /** Says what a policy is before its samples come. @throws AppError `OTHER_SETTINGS` where another one had its title. */
  declare(policy: string, digest: string): void {
    const known = this.#policies.get(policy);
    if (known === digest) return;
    if (known !== undefined)
      throw otherSettings(this.#path ?? '', [`policy ${policy} (there ${known}, here ${digest})`]);
    this.#keep({ policy, digest } satisfies Declaration);
    this.#policies.set(policy, digest);
  }

  /** Kept before it returns: what is finished survives whatever ends the run. */
  add(outcome: Outcome): void {
    this.#outcomes.set(placeKey(outcome), outcome);
    this.#keep(outcome);
  }

  addComparison(comparison: Comparison): void {
    this.#comparisons.set(comparisonKey(comparison), comparison);
    this.#keep(comparison);
  }

  #keep(entry: object): void {
    if (this.#path !== null) appendFileSync(this.#path, line(entry));
  }

  #read(path: string, settings: JournalSettings): void {
    const text = mustReadText({ path, maxBytes: MAX_BYTES, option: OPTION, reason: 'BAD_JOURNAL' });
    const whole = text.slice(0, text.lastIndexOf('\n') + 1);
    const [first = '', ...rest] = whole.split('\n').slice(0, -1);
    refuseOther(headOf(first, path), settings, path);
    rest.forEach((each, i) => {
      const entry = parsed<Outcome | Comparison | Declaration>(each, path, i + 2);
      if ('digest' in entry) this.#policies.set(entry.policy, entry.digest);
      else if ('prompt' in entry) this.#comparisons.set(comparisonKey(entry), entry);
      else this.#outcomes.set(placeKey(entry), entry);
    });
    // A run that was ended while it wrote leaves a part of a line: that sample is done again.
    if (whole.length < text.length) truncateSync(path, Buffer.byteLength(whole));
  }
}

/** What a policy is, in front of its first sample. */
interface Declaration {
  readonly policy: string;
  readonly digest: string;
}

function line(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function headOf(text: string, path: string): Head {
  const head = parsed<Partial<Head>>(text, path, 1);
  if (head.journal === VERSION && typeof head.settings === 'object') return head as Head;
  throw bad(path, 'its first line is not the head of a journal of this version');
}

function parsed<T>(text: string, path: string, number: number): T {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as T;
  } catch {
    // Told below.
  }
  throw bad(path, `line ${number} is no JSON object`);
}

function refuseOther({ settings: kept }: Head, settings: JournalSettings, path: string): void {
  const names = [...new Set([...Object.keys(kept), ...Object.keys(settings)])];
  const differing = names.filter((name) => kept[name] !== settings[name]);
  if (differing.length === 0) return;
  const told = differing.map((name) => `${name} (there ${kept[name] ?? 'none'}, here ${settings[name] ?? 'none'})`);
  throw otherSettings(path, told);
}

function otherSettings(path: string, told: readonly string[]): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'OTHER_SETTINGS',
    field: OPTION,
    message: `${OPTION}: ${path} is of other settings: ${told.join(', ')}. Give another file, or the same settings.`,
  });
}

function bad(path: string, problem: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'BAD_JOURNAL',
    field: OPTION,
    message: `${OPTION}: ${path}: ${problem}.`,
  });
}
