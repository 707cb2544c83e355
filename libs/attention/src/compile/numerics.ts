import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '@longhaul/kernel';

/** Raised when the same head plans come to mean other arithmetic. */
const VERSION = 1;

/** SHA-256 (hex) over the canonical JSON of what decides values: keys sorted, no spaces. */
export function numericsOf(decides: JsonValue): string {
  return createHash('sha256')
    .update(canonicalJson({ decides, version: VERSION }))
    .digest('hex');
}
