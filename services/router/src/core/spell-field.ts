import { AppError } from '@longhaul/kernel';

/**
 * The core names fields by their last part. An API in which some of them stand inside an object spells them out, and
 * so does a message that begins with the field.
 *
 * @param spelling where a field stands, by its name in the core; what is inside of it goes with it, and the others stay as
 * they are.
 */
export function spellField(error: AppError, spelling: ReadonlyMap<string, string>): AppError {
  const [outermost = ''] = (error.field ?? '').split(/[.[]/u, 1);
  const spelt = spelling.get(outermost);
  if (spelt === undefined) return error;
  const { code, reason, retry, details } = error;
  const inside = (text = '') => `${spelt}${text.slice(outermost.length)}`;
  const field = inside(error.field);
  const message = error.message.startsWith(error.field ?? '') ? inside(error.message) : error.message;
  return new AppError({ code, reason, message, retry, details, field, cause: error.cause });
}
