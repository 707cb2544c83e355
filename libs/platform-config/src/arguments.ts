import { parseArgs } from 'node:util';
import { nearest } from './nearest.js';
import { flagOf, type Settings } from './setting.js';

export interface ParsedArguments {
  /** Raw text by key. */
  values: ReadonlyMap<string, string>;
  /** What was wrong, one sentence each, naming flags but never values. */
  faults: readonly string[];
  help: boolean;
}

type Token = NonNullable<ReturnType<typeof tokensOf>>[number];
type OptionToken = Extract<Token, { kind: 'option' }>;

/**
 * Reads `--flag value`, `--flag=value`, `--switch` and `--no-switch`. Unknown flags, missing values, repeated flags and
 * stray words are faults.
 */
export function parseArguments(settings: Settings, argv: readonly string[]): ParsedArguments {
  const reading = new Reading(settings);
  for (const token of tokensOf(settings, argv)) reading.take(token);
  return reading;
}

/** `parseArgs` splits the words; it stops at the first fault where it is strict, and all of them shall be told. */
function tokensOf(settings: Settings, argv: readonly string[]) {
  const flags = Object.entries(settings).map(
    ([key, setting]) => [flagOf(key, setting), { type: setting.isSwitch ? 'boolean' : 'string' }] as const,
  );
  const options = { ...Object.fromEntries(flags), help: { type: 'boolean', short: 'h' } } as const;
  return parseArgs({ args: [...argv], options, strict: false, tokens: true }).tokens;
}

class Reading implements ParsedArguments {
  readonly values = new Map<string, string>();
  readonly faults: string[] = [];
  help = false;
  readonly #settings: Settings;
  readonly #keys: ReadonlyMap<string, string>;
  /** Where a word may stand that belongs to an unknown flag. */
  #forgiven = -1;
  /** Short flags of one word are one fault. */
  #stray = -1;

  constructor(settings: Settings) {
    this.#settings = settings;
    this.#keys = new Map(Object.entries(settings).map(([key, setting]) => [flagOf(key, setting), key]));
  }

  take(token: Token): void {
    if (token.kind === 'option-terminator') this.#refuse('', token.index + 1);
    else if (token.kind === 'positional') this.#takeStray(token.index);
    else if (token.name === 'help' && token.inlineValue !== true) this.help = true;
    else if (token.rawName.startsWith('--')) this.#takeFlag(token);
    else this.#takeStray(token.index);
  }

  #takeFlag({ name, value, inlineValue, index }: OptionToken): void {
    const negated = name.startsWith('no-') && !this.#keys.has(name);
    const key = this.#keys.get(negated ? name.slice(3) : name);
    const setting = key === undefined ? undefined : this.#settings[key];
    if (key === undefined || !setting || (negated && !setting.isSwitch)) {
      return this.#refuse(name, inlineValue === true ? -1 : index + 1);
    }
    if (this.values.has(key)) this.faults.push(`--${name}: given twice`);
    if (setting.isSwitch) this.values.set(key, negated ? 'false' : (value ?? 'true'));
    else if (value === undefined) this.faults.push(`--${name}: needs a value`);
    else this.values.set(key, value);
  }

  #takeStray(index: number): void {
    if (index === this.#forgiven || index === this.#stray) return;
    this.#stray = index;
    this.faults.push(`argument ${index + 1} is not a flag`);
  }

  /** @param forgiven where the value of the unknown flag may stand: no second fault for that. */
  #refuse(name: string, forgiven: number): void {
    const meant = nearest(name, this.#keys.keys());
    this.faults.push(`--${name}: unknown flag${meant === undefined ? '' : `; did you mean --${meant}?`}`);
    this.#forgiven = forgiven;
  }
}
