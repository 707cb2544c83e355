import { parseArgs, type ParseArgsConfig } from 'node:util';
import { invalidArgument } from '@longhaul/kernel';
import { nearest } from '@longhaul/platform-config';

type Options = NonNullable<ParseArgsConfig['options']>;

export interface Flags {
  values: Readonly<Record<string, string | undefined>>;
  switches: ReadonlySet<string>;
  words: readonly string[];
}

/**
 * Parses the flags of one command. Unknown flags are errors that name the flag which was probably meant.
 *
 * @param names flags with a value; @param switches flags without one.
 */
export function parseFlags(argv: readonly string[], names: readonly string[], switches: readonly string[] = []): Flags {
  const options: Options = {};
  for (const name of names) options[name] = { type: 'string' };
  for (const name of switches) options[name] = { type: 'boolean' };
  refuseUnknown(argv, [...names, ...switches], options);
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
    throw invalidArgument('arguments', firstSentence(error));
  }
}

function refuseUnknown(argv: readonly string[], known: readonly string[], options: Options): void {
  const { tokens } = parseArgs({ args: [...argv], options, allowPositionals: true, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind !== 'option' || known.includes(token.name)) continue;
    const meant = nearest(token.name, known);
    const hint = meant === undefined ? 'See --help.' : `Did you mean --${meant}?`;
    throw invalidArgument(token.rawName, `${token.rawName} is no flag of this command. ${hint}`);
  }
}

/** What Node says beyond it is about positional arguments that begin with a dash. */
function firstSentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return `${text.split('. ', 1)[0]?.replace(/\.$/, '')}. See --help.`;
}

/** A whole number in a range, or the default when the flag is absent. */
export function integerFlag(flags: Flags, name: string, range: { min: number; max: number; default: number }): number {
  const text = flags.values[name];
  if (text === undefined) return range.default;
  const value = Number(text);
  if (text.trim() === '' || !Number.isInteger(value) || value < range.min || value > range.max) {
    throw invalidArgument(`--${name}`, `--${name} must be a whole number from ${range.min} to ${range.max}.`);
  }
  return value;
}

/** Words that a command does not take are mistakes: a flag without its dashes, a text without its quotes. */
export function refuseWords(flags: Flags): void {
  const [word] = flags.words;
  if (word !== undefined)
    throw invalidArgument('arguments', `This command takes no '${word.slice(0, 64)}'. See --help.`);
}
