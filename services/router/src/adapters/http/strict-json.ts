import { AppError } from '@longhaul/kernel';
import { requireFewStructures } from './json-structure.js';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** Parses JSON that is valid UTF-8. */
export function parseStrictJson(body: Buffer): unknown {
  requireFewStructures(body);
  let text: string;
  try {
    text = UTF8.decode(body);
  } catch {
    throw invalidJson('The body is not valid UTF-8.');
  }
  try {
    return JSON.parse(text);
  } catch {
    throw invalidJson('The body is not valid JSON.');
  }
}

function invalidJson(message: string): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'INVALID_JSON', message });
}
