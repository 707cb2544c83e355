import { AppError } from '@longhaul/kernel';

/** A key of config.json that is missing, of the wrong type or out of range. */
export function invalidConfig(key: string, problem: string): AppError {
  return new AppError({
    code: 'INVALID_ARGUMENT',
    reason: 'CONFIG_INVALID',
    message: `${key} ${problem}.`,
    field: key,
  });
}

/** Something a checkpoint asks for that the importer cannot express. `what` names it, `advice` says what to do. */
export function unsupportedConfig(key: string, what: string, advice?: string): AppError {
  return new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_CONFIG',
    message: `${what} is not supported (${key})${advice === undefined ? '' : `; ${advice}`}.`,
    field: key,
  });
}

/** A value as it may stand in a message: short, on one line, strings in quotes. */
export function shownValue(value: unknown): string {
  if (value === undefined) return 'missing';
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? 'nothing');
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
