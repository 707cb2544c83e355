import { z } from 'zod';
import type { Setting } from './setting.js';

/** The part of a JSON schema that says which values there are. */
interface Allowed {
  readonly enum?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Which values a key takes, for people; empty where any text will do. */
export function allowedOf(setting: Setting): string {
  if (setting.allowed !== undefined) return setting.allowed;
  if (setting.isSwitch) return 'true, false';
  const schema = z.toJSONSchema(setting.schema, { io: 'output', unrepresentable: 'any' }) as Allowed;
  if (schema.enum !== undefined) return schema.enum.map(String).join(', ');
  return rangeText(schema);
}

/** A limit that only says what a number can hold is none. */
function rangeText({ minimum, maximum }: Allowed): string {
  const isOpen = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER;
  if (minimum === undefined) return isOpen ? '' : `at most ${maximum}`;
  return isOpen ? `at least ${minimum}` : `${minimum} to ${maximum}`;
}
