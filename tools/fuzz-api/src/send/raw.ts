import { connect } from 'node:net';
import type { Outcome, RawCase } from '../case.js';

const PATIENCE_MS = 60_000;
const STATUS_LINE = /^HTTP\/1\.[01] (\d{3})/;

/** Sends bytes on a connection of their own, ends our half, and reads what comes until the server ends its half. */
export function sendRaw(one: RawCase, port: number): Promise<Outcome> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const timers = [setTimeout(() => socket.destroy(new Error(`no end within ${PATIENCE_MS} ms`)), PATIENCE_MS)];
    let trouble: string | null = null;
    socket.on('data', (part) => parts.push(part as Buffer));
    socket.on('error', (error) => (trouble = error.message));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      for (const timer of timers) clearTimeout(timer);
      resolve(outcomeOf(Buffer.concat(parts).toString('utf8'), trouble));
    });
    if (one.cancelAfterMs === null) {
      socket.end(one.bytes);
    } else {
      socket.write(one.bytes);
      timers.push(setTimeout(() => socket.destroy(), one.cancelAfterMs));
    }
  });
}

/** The last answer counts, where several requests were in the bytes. */
function outcomeOf(text: string, trouble: string | null): Outcome {
  const answers = text.split(/(?=HTTP\/1\.[01] \d{3} )/).filter((part) => STATUS_LINE.test(part));
  const last = answers.at(-1);
  if (last === undefined) return { kind: 'closed', why: trouble ?? 'no answer' };
  const [head = '', ...rest] = last.split('\r\n\r\n');
  const contentType = /^content-type: *(.*)$/im.exec(head)?.[1] ?? '';
  const sent = rest.join('\r\n\r\n');
  const body = /^transfer-encoding: *chunked/im.test(head) ? withoutChunks(sent) : sent;
  return { kind: 'http', status: Number(STATUS_LINE.exec(last)?.[1]), contentType, text: body };
}

/** The body behind its lengths; these count bytes, which our ASCII answers to broken requests have one of per character. */
function withoutChunks(sent: string): string {
  let text = '';
  for (let left = sent; ;) {
    const [line = '', size = ''] = /^([0-9a-f]+)\r\n/i.exec(left) ?? [];
    const length = Number.parseInt(size, 16);
    if (!(length > 0)) return text;
    text += left.slice(line.length, line.length + length);
    left = left.slice(line.length + length + '\r\n'.length);
  }
}
