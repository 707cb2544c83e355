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

/** Something a checkpoint asks for that the importer cannot express. `what` names it. */
export function unsupportedConfig(key: string, what: string): AppError {
  return new AppError({
    code: 'UNIMPLEMENTED',
    reason: 'UNSUPPORTED_CONFIG',
    message: `${what} is not supported (${key}).`,
    field: key,
  });
}
