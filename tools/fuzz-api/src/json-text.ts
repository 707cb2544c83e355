/** A piece of JSON that no JavaScript value would be written as: `1e400`, `-0.0`, a field given twice. */
export class RawJson {
  constructor(readonly text: string) {}
}

/** Fields in their order; the only way to write a name twice, or `__proto__`. */
export class RawObject {
  constructor(readonly fields: readonly (readonly [string, unknown])[]) {}
}

/** JSON text of a value that may hold raw pieces. */
export function jsonText(value: unknown): string {
  if (value instanceof RawJson) return value.text;
  if (value instanceof RawObject) return objectText(value.fields);
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (typeof value === 'object' && value !== null) return objectText(Object.entries(value));
  return JSON.stringify(value) ?? 'null';
}

function objectText(fields: readonly (readonly [string, unknown])[]): string {
  const parts = fields
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${JSON.stringify(name)}:${jsonText(value)}`);
  return `{${parts.join(',')}}`;
}
