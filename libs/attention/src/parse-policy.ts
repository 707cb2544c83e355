import { invalidArgument, type AppError } from '@longhaul/kernel';
import type { z } from 'zod';
import { policyBounds } from './bounds.js';
import { placeOf, SHOWN_CHARACTERS } from './field-place.js';
import { presetSchema, writtenSchema } from './policy-schema.js';
import { DENSE, isDensePreset } from './presets.js';
import { presetNames, type PolicySpec, type PresetName } from './policy.js';

/**
 * Reads a policy from JSON that anybody may have written: an object, or the name of a preset.
 *
 * @param field how errors call the value.
 * @throws AppError `INVALID_ARGUMENT` naming the first field that is wrong, such as
 * `attention.plans[0].branches[1].selector.tokens`, and what would be right.
 */
export function parsePolicy(field: string, value: unknown): PolicySpec {
  if (typeof value === 'string') return parsePolicy(field, { preset: checkPreset(field, value) });
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw invalidArgument(field, `${field} must be a policy, or the name of one: ${presetNames.join(', ')}.`);
  }
  const schema: z.ZodType<PolicySpec> = 'preset' in value ? presetSchema : writtenSchema;
  const result = schema.safeParse(value);
  if (!result.success) throw issueError(field, result.error.issues[0]);
  requireSize(field, JSON.stringify(result.data).length);
  // What nearly every request has is one value.
  return isDensePreset(result.data) ? DENSE : result.data;
}

/**
 * The same from JSON text of at most 16 KiB.
 *
 * @throws AppError `INVALID_ARGUMENT` as `parsePolicy` does, and where the text is too long or no JSON.
 */
export function parsePolicyText(field: string, text: string): PolicySpec {
  requireSize(field, text.length);
  return parsePolicy(field, parseJson(field, text));
}

/** @throws AppError `INVALID_ARGUMENT` naming the presets that there are. */
export function checkPreset(field: string, value: string): PresetName {
  const found = presetNames.find((name) => name === value);
  if (found !== undefined) return found;
  const shown = JSON.stringify(value.slice(0, SHOWN_CHARACTERS));
  throw invalidArgument(field, `${field} is ${shown}; it must be one of ${presetNames.join(', ')}, or a whole policy.`);
}

function parseJson(field: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalidArgument(field, `${field} is not JSON.`);
  }
}

function requireSize(field: string, length: number): void {
  const { bytes } = policyBounds;
  if (length <= bytes) return;
  throw invalidArgument(field, `${field} has ${length} characters of JSON; at most ${bytes} are allowed.`, { bytes });
}

function issueError(field: string, issue: z.core.$ZodIssue | undefined): AppError {
  if (issue === undefined) return invalidArgument(field, `${field} is not valid.`);
  if (issue.code === 'unrecognized_keys') {
    const place = placeOf(field, [...issue.path, ...issue.keys.slice(0, 1)]);
    return invalidArgument(place, `${place} is no field of a policy.`);
  }
  const place = placeOf(field, issue.path);
  return invalidArgument(place, `${place} ${issue.message}.`);
}
