const WIDTH = 110;

/** JSON in which what fits a line has one. */
export function compactJson(value, indent = 0) {
  const line = spaced(value);
  if (indent + line.length <= WIDTH || typeof value !== 'object' || value === null) return line;
  const inner = indent + 2;
  const entries = Array.isArray(value)
    ? value.map((item) => compactJson(item, inner))
    : Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}: ${compactJson(item, inner)}`);
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  const pad = ' '.repeat(inner);
  return `${open}\n${entries.map((entry) => `${pad}${entry}`).join(',\n')}\n${' '.repeat(indent)}${close}`;
}

function spaced(value) {
  if (Array.isArray(value)) return `[${value.map(spaced).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, item]) => item !== undefined);
  return entries.length === 0
    ? '{}'
    : `{ ${entries.map(([key, item]) => `${JSON.stringify(key)}: ${spaced(item)}`).join(', ')} }`;
}
