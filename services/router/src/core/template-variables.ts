import { invalidArgument } from '@longhaul/kernel';

const MAX_NAMES = 64;
const MAX_VALUES = 1024;
const MAX_CHARACTERS = 65_536;
const MAX_DEPTH = 16;
const NAME = /^[A-Za-z]\w{0,63}$/u;
/** What every chat template counts on, and what the request has fields of its own for. */
const RESERVED = new Set([
  ...['messages', 'tools', 'documents', 'add_generation_prompt', 'continue_final_message', 'chat_template', 'tokenize'],
  ...['bos_token', 'eos_token', 'unk_token', 'pad_token', 'sep_token', 'cls_token', 'mask_token'],
  ...['true', 'false', 'none', 'True', 'False', 'None', 'range', 'namespace', 'raise_exception', 'strftime_now'],
]);

/**
 * Checks variables that a caller hands to a chat template.
 *
 * @param field what the caller calls them.
 * @returns the same variables.
 * @throws AppError `INVALID_ARGUMENT` naming the variable, for more than 64 of them, 1,024 values or 65,536 characters
 *   in all, over 16 levels, and for names that are not the caller's to set.
 */
export function checkTemplateVariables(field: string, variables: unknown): Readonly<Record<string, unknown>> {
  if (typeof variables !== 'object' || variables === null || Array.isArray(variables)) {
    throw invalidArgument(field, `${field} must be an object.`);
  }
  const entries = Object.entries(variables as Record<string, unknown>);
  if (entries.length > MAX_NAMES) throw invalidArgument(field, `${field} has more than ${MAX_NAMES} variables.`);
  for (const [name] of entries) checkName(field, name);
  const left = { values: MAX_VALUES, characters: MAX_CHARACTERS };
  for (const [name, value] of entries) charge(`${field}.${name}`, value, left, 1);
  return variables as Record<string, unknown>;
}

function checkName(field: string, name: string): void {
  const shown = `${field}.${name.slice(0, 64)}`;
  if (!NAME.test(name)) throw invalidArgument(shown, `${shown} is not a name of 1 to 64 letters, digits and _.`);
  if (RESERVED.has(name)) throw invalidArgument(shown, `${shown} cannot be set: it is the template's own.`);
}

function charge(field: string, value: unknown, left: { values: number; characters: number }, depth: number): void {
  left.values -= 1;
  if (typeof value === 'string') left.characters -= value.length;
  if (left.values < 0) throw invalidArgument(field, `${field}: there are more than ${MAX_VALUES} values.`);
  if (left.characters < 0) throw invalidArgument(field, `${field}: there are more than ${MAX_CHARACTERS} characters.`);
  if (typeof value !== 'object' || value === null) return;
  if (depth >= MAX_DEPTH) throw invalidArgument(field, `${field} is nested deeper than ${MAX_DEPTH} levels.`);
  for (const [key, inner] of Object.entries(value)) {
    if (!Array.isArray(value)) left.characters -= key.length;
    charge(field, inner, left, depth + 1);
  }
}
