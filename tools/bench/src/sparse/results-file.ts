import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { type SparseRow } from './sparse-row.js';

/** What decides the figures: rows of other settings are not put into one file. */
export type RunSettings = Readonly<Record<string, string | number | boolean>>;

/** What `--json` holds. */
export interface SparseResults {
  settings: RunSettings;
  rows: readonly SparseRow[];
}

/** The rows of a run, of which a file has all that are known whenever the run ends. */
export class ResultsFile {
  readonly #path: string | null;
  readonly #settings: RunSettings;
  readonly #rows: SparseRow[];

  private constructor(path: string | null, settings: RunSettings, rows: readonly SparseRow[]) {
    this.#path = path;
    this.#settings = settings;
    this.#rows = [...rows];
  }

  /** Of a new run; a file that is there is replaced with the first row. @param path null: no file. */
  static begin(path: string | null, settings: RunSettings): ResultsFile {
    return new ResultsFile(path, settings, []);
  }

  /** Goes on with a run that was ended. @throws Error where the file is none of this program, or of other settings. */
  static resume(path: string, settings: RunSettings): ResultsFile {
    const kept = readResults(path);
    const names = [...new Set([...Object.keys(kept.settings), ...Object.keys(settings)])];
    const differing = names.filter((name) => kept.settings[name] !== settings[name]);
    if (differing.length === 0) return new ResultsFile(path, settings, kept.rows);
    const told = differing.map((name) => `${name} (there ${kept.settings[name]}, here ${settings[name]})`);
    throw new Error(`--resume: ${path} is of other settings: ${told.join(', ')}`);
  }

  /** A row that was measured; those whose peer failed are measured again. */
  find(name: string): SparseRow | null {
    return this.#rows.find((row) => row.case === name && row.ours !== null) ?? null;
  }

  /** In place of an older one of its name. Written as a whole before it returns. */
  add(row: SparseRow): void {
    const at = this.#rows.findIndex((known) => known.case === row.case);
    if (at >= 0) this.#rows.splice(at, 1);
    this.#rows.push(row);
    if (this.#path === null) return;
    const results: SparseResults = { settings: this.#settings, rows: this.#rows };
    const fresh = `${this.#path}.new`;
    writeFileSync(fresh, `${JSON.stringify(results, null, 2)}\n`);
    renameSync(fresh, this.#path);
  }
}

function readResults(path: string): SparseResults {
  let value: Partial<SparseResults> | null = null;
  try {
    value = JSON.parse(readFileSync(path, 'utf8')) as Partial<SparseResults> | null;
  } catch (error) {
    throw new Error(`--resume: ${path} cannot be read: ${String(error)}`, { cause: error });
  }
  const { settings, rows } = value ?? {};
  if (typeof settings !== 'object' || !Array.isArray(rows))
    throw new Error(`--resume: ${path} has no rows of bench:sparse`);
  return { settings, rows };
}
