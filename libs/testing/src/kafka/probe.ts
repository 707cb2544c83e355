import { connect } from 'node:net';

const DESCRIBE_GROUPS = 15;
const INIT_PRODUCER_ID = 22;
const FIND_COORDINATOR = 10;
const GROUP = 'longhaul-readiness';
const ANSWER_TIMEOUT_MS = 2_000;

/**
 * Whether a broker serves: a group coordinator is there and loaded, and producer ids are given out. An open port says
 * neither. Written out on the wire so that the harness needs no Kafka client.
 *
 * @returns undefined when it serves, else what is missing.
 */
export async function brokerComplaint(port: number): Promise<string | undefined> {
  try {
    const found = await ask(port, FIND_COORDINATOR, text(GROUP));
    if (found.readInt16BE(0) !== 0) return `no group coordinator yet (error ${found.readInt16BE(0)})`;
    const described = await ask(port, DESCRIBE_GROUPS, Buffer.concat([int32(1), text(GROUP)]));
    if (described.readInt16BE(4) !== 0) return `the coordinator is loading (error ${described.readInt16BE(4)})`;
    const id = await ask(port, INIT_PRODUCER_ID, Buffer.concat([int16(-1), int32(60_000)]));
    if (id.readInt16BE(4) !== 0) return `no producer ids yet (error ${id.readInt16BE(4)})`;
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** One request of version 0; resolves to the body of the response. */
function ask(port: number, api: number, body: Buffer): Promise<Buffer> {
  const request = Buffer.concat([int16(api), int16(0), int32(1), text('probe'), body]);
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    let received: Buffer = Buffer.alloc(0);
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error('no answer')));
    socket.on('connect', () => socket.write(Buffer.concat([int32(request.length), request])));
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return;
      socket.destroy();
      resolve(received.subarray(8));
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error('the broker closed the connection')));
  });
}

function int16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(value.length), Buffer.from(value)]);
}
