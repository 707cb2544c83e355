import { nearest } from './nearest.js';
import { flagOf, type Settings } from './setting.js';

export interface ParsedArguments {
  /** Raw text by key. */
  values: ReadonlyMap<string, string>;
  /** What was wrong, one sentence each, naming flags but never values. */
  faults: readonly string[];
  help: boolean;
}

/**
 * Reads `--flag value`, `--flag=value`, `--switch` and `--no-switch`. Unknown flags, missing values, repeated flags and
 * stray words are faults.
 */
export function parseArguments(settings: Settings, argv: readonly string[]): ParsedArguments {
  const keys = new Map(Object.entries(settings).map(([key, setting]) => [flagOf(key, setting), key]));
  const values = new Map<string, string>();
  const faults: string[] = [];
  let help = false;
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (word === '--help' || word === '-h') {
      help = true;
      continue;
    }
    if (!word.startsWith('--')) {
      faults.push(`argument ${index + 1} is not a flag`);
      continue;
    }
    const [name = '', inline] = splitFlag(word);
    const negated = name.startsWith('no-') && !keys.has(name);
    const key = keys.get(negated ? name.slice(3) : name);
    const setting = key === undefined ? undefined : settings[key];
    if (key === undefined || !setting || (negated && !setting.isSwitch)) {
      faults.push(unknownFlag(name, keys.keys()));
      if (inline === undefined && argv[index + 1]?.startsWith('--') === false) index++;
      continue;
    }
    if (values.has(key)) faults.push(`--${name}: given twice`);
    if (setting.isSwitch) {
      values.set(key, negated ? 'false' : (inline ?? 'true'));
      continue;
    }
    const value = inline ?? argv[++index];
    if (value === undefined) faults.push(`--${name}: needs a value`);
    else values.set(key, value);
  }
  return { values, faults, help };
}

function unknownFlag(name: string, known: Iterable<string>): string {
  const meant = nearest(name, known);
  return `--${name}: unknown flag${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}

function splitFlag(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word.slice(2), undefined] : [word.slice(2, at), word.slice(at + 1)];
}
