import { createHash } from 'node:crypto';

/** A value that JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

/** Raised when the same head plans come to mean other arithmetic. */
const VERSION = 1;

/** SHA-256 (hex) over the canonical JSON of what decides values: keys sorted, no spaces. */
export function numericsOf(decides: Json): string {
  return createHash('sha256')
    .update(canonicalJson({ decides, version: VERSION }))
    .digest('hex');
}

/** JSON with sorted keys: equal values have equal texts. */
export function canonicalJson(value: Json): string {
  if (isList(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.keys(value).sort();
  return `{${entries.map((key) => `${JSON.stringify(key)}:${canonicalJson(value[key] as Json)}`).join(',')}}`;
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}
