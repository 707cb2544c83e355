import type { z } from 'zod';

/** One configuration key: how it is read, checked, documented and shown. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  /** Checks and converts the text of a flag or variable; its `.default()` or `.optional()` says what absence means. */
  schema: S;
  /** One sentence for configuration.md and `--help`. */
  description: string;
  /** Unit of the value (`tokens`, `bytes`, `ms`); absent for names and switches. */
  unit?: string;
  /** Never shown in help, logs or errors. */
  secret?: boolean;
  /** What is shown in the documentation as the default where the schema has none. */
  defaultText?: string;
  /** Which values there are, where the schema alone does not say. */
  allowed?: string;
  /** Flag name without dashes, where it is not the kebab-case form of the key. */
  flag?: string;
  /** Environment variable, where it is not `LONGHAUL_` and the upper-case form of the flag. */
  env?: string;
  /** True for a flag that takes no value. */
  isSwitch?: boolean;
}

/** All keys of one service. */
export type Settings = Readonly<Record<string, Setting>>;

/** The frozen result of loading `S`. */
export type ConfigOf<S extends Settings> = { readonly [K in keyof S]: z.output<S[K]['schema']> };

/** `maxModelLen` becomes `max-model-len`. */
export function flagOf(key: string, setting: Setting): string {
  return setting.flag ?? key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** `maxModelLen` becomes `LONGHAUL_MAX_MODEL_LEN`. */
export function envOf(key: string, setting: Setting): string {
  return setting.env ?? `LONGHAUL_${flagOf(key, setting).replaceAll('-', '_').toUpperCase()}`;
}
