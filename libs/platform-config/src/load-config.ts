import { AppError } from '@longhaul/kernel';
import { parseArguments } from './arguments.js';
import { misspeltVariables, readVariable } from './environment.js';
import { envOf, flagOf, type ConfigOf, type Settings } from './setting.js';

export interface ConfigSources {
  /** Arguments after the program's name. */
  argv: readonly string[];
  env: Readonly<Record<string, string | undefined>>;
}

/**
 * Reads one service's configuration: flags win over environment variables, those over defaults. A secret may stand in
 * the file that `<VARIABLE>_FILE` names. The result is frozen.
 *
 * @throws AppError `CONFIG_INVALID`, listing every fault at once by flag and variable name, never by value.
 */
export function loadConfig<S extends Settings>(settings: S, sources: ConfigSources): ConfigOf<S> {
  const parsed = parseArguments(settings, sources.argv);
  const faults = [...parsed.faults, ...misspeltVariables(settings, sources.env)];
  const config: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const env = envOf(key, setting);
    const given = parsed.values.get(key);
    const found = given === undefined ? readVariable(key, setting, sources.env) : { raw: given };
    if (found.fault !== undefined) {
      faults.push(found.fault);
      continue;
    }
    const { raw } = found;
    const result = setting.schema.safeParse(raw);
    if (result.success) config[key] = result.data;
    else
      faults.push(
        `--${flagOf(key, setting)} (${env}): ${raw === undefined ? 'is required' : firstMessage(result.error)}`,
      );
  }
  if (faults.length > 0) throw configInvalid(faults);
  return Object.freeze(config) as ConfigOf<S>;
}

/** True when the arguments ask for help. */
export function wantsHelp(argv: readonly string[]): boolean {
  return argv.includes('--help') || argv.includes('-h');
}

/** The error for faults that only show once the values are looked at together. */
export function configInvalid(faults: readonly string[]): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CONFIG_INVALID',
    message: `The configuration has ${faults.length} fault(s):\n${faults.map((fault) => `  ${fault}`).join('\n')}`,
  });
}

function firstMessage(error: { issues: readonly { message: string }[] }): string {
  return error.issues[0]?.message ?? 'is not valid';
}
