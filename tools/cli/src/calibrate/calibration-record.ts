import { createHash } from 'node:crypto';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustReadText } from '@longhaul/files';
import type { AttentionProbeSums } from '@longhaul/engine-native';
import type { SampleKind } from './sample-plan.js';
import { addSums, sumsFromJson, sumsToJson } from './probe-sums.js';

/** All that decides what is measured, by name. */
export type CalibrationSettings = Readonly<Record<string, string | number>>;

interface Measured {
  readonly samples: number;
  readonly sums: AttentionProbeSums;
}

const VERSION = 1;
/** Far above what a model can have: 300 bytes for each number of the largest. */
const MAX_BYTES = 2 ** 29 - 1;

/**
 * What has been measured so far, in a file that is replaced after each sample: who goes on after an end of any kind has the same
 * sums, bit for bit. The file is named by the settings, so that others never meet; one that is damaged is begun anew.
 */
export class CalibrationRecord {
  readonly #path: string;
  readonly #settings: string;
  #measured: Partial<Record<SampleKind, Measured>> = {};

  /** @param folder where it is; must be there. */
  constructor(folder: string, settings: CalibrationSettings) {
    this.#settings = JSON.stringify(Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)));
    const digest = createHash('sha256').update(this.#settings).digest('hex');
    this.#path = join(folder, `${digest.slice(0, 16)}.json`);
    if (existsSync(this.#path)) this.#measured = this.#read();
  }

  /** Samples of a kind that are done. */
  done(kind: SampleKind): number {
    return this.#measured[kind]?.samples ?? 0;
  }

  /** Sums of the samples of a kind; null before the first one. */
  sums(kind: SampleKind): AttentionProbeSums | null {
    return this.#measured[kind]?.sums ?? null;
  }

  /** Adds the next sample of a kind; it is on record when this returns. */
  add(kind: SampleKind, sums: AttentionProbeSums): void {
    this.#measured = {
      ...this.#measured,
      [kind]: { samples: this.done(kind) + 1, sums: addSums(this.sums(kind), sums) },
    };
    const kinds = Object.entries(this.#measured).map(([name, { samples, sums: all }]) => [
      name,
      { samples, sums: sumsToJson(all) },
    ]);
    const text = JSON.stringify({
      calibration: VERSION,
      settings: this.#settings,
      kinds: Object.fromEntries(kinds) as object,
    });
    writeFileSync(`${this.#path}.partial`, text);
    renameSync(`${this.#path}.partial`, this.#path);
  }

  /** The artefacts are made: nothing is to go on with. */
  remove(): void {
    rmSync(this.#path, { force: true });
  }

  #read(): Partial<Record<SampleKind, Measured>> {
    const text = mustReadText({
      path: this.#path,
      maxBytes: MAX_BYTES,
      option: 'LONGHAUL_HOME',
      reason: 'BAD_JOURNAL',
    });
    const kept = parsed(text);
    if (kept?.calibration !== VERSION || kept.settings !== this.#settings) return {};
    const measured: Partial<Record<SampleKind, Measured>> = {};
    for (const [kind, { samples, sums }] of Object.entries(kept.kinds ?? {})) {
      const all = sumsFromJson(sums);
      if (all === null || !Number.isInteger(samples)) return {};
      measured[kind as SampleKind] = { samples, sums: all };
    }
    return measured;
  }
}

interface Kept {
  readonly calibration: number;
  readonly settings: string;
  readonly kinds?: Readonly<Record<string, { readonly samples: number; readonly sums: unknown }>>;
}

function parsed(text: string): Kept | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Kept) : null;
  } catch {
    return null;
  }
}
