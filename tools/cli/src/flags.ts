import { parseArgs, type ParseArgsConfig } from 'node:util';
import { invalidArgument } from '@longhaul/kernel';

type Options = NonNullable<ParseArgsConfig['options']>;

export interface Flags {
  values: Readonly<Record<string, string | undefined>>;
  switches: ReadonlySet<string>;
  words: readonly string[];
}

/**
 * Parses the flags of one command. Unknown flags are errors.
 *
 * @param names flags with a value; @param switches flags without one.
 */
export function parseFlags(argv: readonly string[], names: readonly string[], switches: readonly string[] = []): Flags {
  const options: Options = {};
  for (const name of names) options[name] = { type: 'string' };
  for (const name of switches) options[name] = { type: 'boolean' };
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: true });
    const texts: Record<string, string | undefined> = {};
    const set = new Set<string>();
    for (const [name, value] of Object.entries(values)) {
      if (typeof value === 'string') texts[name] = value;
      else if (value === true) set.add(name);
    }
    return { values: texts, switches: set, words: positionals };
  } catch (error) {
    throw invalidArgument('arguments', error instanceof Error ? error.message : String(error));
  }
}

/** A whole number in a range, or the default when the flag is absent. */
export function integerFlag(flags: Flags, name: string, range: { min: number; max: number; default: number }): number {
  const text = flags.values[name];
  if (text === undefined) return range.default;
  const value = Number(text);
  if (!Number.isInteger(value) || value < range.min || value > range.max) {
    throw invalidArgument(`--${name}`, `--${name} must be a whole number from ${range.min} to ${range.max}.`);
  }
  return value;
}
