import type { ApiCase } from './case.js';

const MAX_SHOWN = 600;

/** A case so that it can be sent again by hand. */
export function describeCase(one: ApiCase): string {
  switch (one.transport) {
    case 'http':
      return `${one.method} ${cut(one.path)} ${cut(JSON.stringify(one.headers))} ${cut(printable(one.body))}${away(one)}`;
    case 'raw':
      return `bytes ${cut(printable(one.bytes))}${away(one)}`;
    case 'grpc':
      return `${one.method} ${JSON.stringify(one.metadata)} ${cut(Buffer.from(one.message).toString('hex'))}${away(one)}`;
  }
}

function away({ cancelAfterMs }: ApiCase): string {
  return cancelAfterMs === null ? '' : ` (the client leaves after ${cancelAfterMs} ms)`;
}

/** Bytes as text where they are UTF-8, in hexadecimal elsewhere. */
function printable(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.includes('\ufffd')
    ? `hex:${bytes.toString('hex')}`
    : JSON.stringify(text).slice(1, -1).replaceAll('\\"', '"');
}

function cut(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}... (${text.length} characters)` : text;
}
