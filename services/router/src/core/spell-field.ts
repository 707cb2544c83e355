import { AppError } from '@longhaul/kernel';

/**
 * The core names fields by their last part. An API in which some of them stand inside an object spells them out.
 *
 * @param spelling where a field stands, by its name in the core; the others stay as they are.
 */
export function spellField(error: AppError, spelling: ReadonlyMap<string, string>): AppError {
  const field = spelling.get(error.field ?? '');
  if (field === undefined) return error;
  const { code, reason, message, retry, details } = error;
  return new AppError({ code, reason, message, retry, details, field, cause: error.cause });
}
