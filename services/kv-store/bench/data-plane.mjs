// Put and get of 8 MiB blocks over loopback between two processes, one stream, beside a plain TCP copy of the same bytes
// in the same round: `node services/kv-store/bench/data-plane.mjs [--json PATH]` after `npm run build`. The data channel is
// what clients use; gRPC frames are what they fall back to and have no bar. The first round warms up.
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { allocateBlock, BlockDtype, QualityClass, FORMAT_MAJOR } from '@longhaul/kv-core';
import { connectKvStore } from '@longhaul/kv-client';
import { crc32c } from '@longhaul/kv-native';

const BLOCKS = 24;
const ROUNDS = Number(process.env.ROUNDS ?? 7);
const WRITE_BYTES = 1 << 20;
const BAR_SHARE = 0.4;
const path = process.argv.includes('--json') ? process.argv[process.argv.indexOf('--json') + 1] : undefined;

// 64 tokens of a model with 32 layers, 8 KV heads and head size 128 in bf16.
const geometry = {
  layerBegin: 0,
  layerEnd: 32,
  kvHeads: 8,
  headDimK: 128,
  headDimV: 128,
  dtypeK: BlockDtype.bf16,
  dtypeV: BlockDtype.bf16,
  blockTokens: 64,
};
const namespace = { modelFingerprint: randomBytes(32), id: randomBytes(32), tenant: 'bench', deployEpoch: 0 };

/** A chain of fresh blocks: the store has seen none of them. The payload does not matter. */
function freshChain(count) {
  const keys = Array.from({ length: count + 1 }, () => new Uint8Array(randomBytes(32)));
  return keys.slice(1).map((seqKey, i) => {
    const tokens = Uint32Array.from({ length: 64 }, (_, t) => i * 64 + t);
    const place = { namespace, geometry, seqKey, parentKey: keys[i], firstPosition: i * 64, tokens };
    const facts = { quality: QualityClass.exact, createdUnixMs: Date.now(), producerId: 1n, recomputeMicros: 500_000 };
    const object = allocateBlock({ ...place, ...facts }).seal({ checksum: crc32c });
    return { key: seqKey, parentKey: keys[i], object };
  });
}

async function timed(bytes, work) {
  const started = performance.now();
  await work();
  return bytes / 1e6 / (performance.now() - started);
}

async function putAll(client, chain) {
  for (const { key, parentKey, object } of chain) {
    const request = { namespace, key, parentKey, objectBytes: object.length, recomputeMicros: 500_000, ttlSeconds: 0 };
    const put = await client.beginPut(request);
    await put.write(0, object);
    await put.commit();
  }
}

async function getAll(client, chain) {
  const keys = chain.map(({ key }) => key);
  const lookup = { namespace, keys, minQuality: QualityClass.sparse, leaseMs: 10_000 };
  const { matchedBlocks, leaseId } = await client.lookupPrefix(lookup);
  if (matchedBlocks !== keys.length) throw new Error(`${matchedBlocks} of ${keys.length} blocks found`);
  let bytes = 0;
  for await (const frame of client.get({ namespace, leaseId, keys, layerBegin: 0, layerEnd: 32 })) {
    if (frame.kind === 'head' || frame.kind === 'data') bytes += frame.bytes.length;
    if (frame.kind === 'end' && frame.outcome !== 'ok') throw new Error(`a block was ${frame.outcome}`);
  }
  await client.releaseLease(leaseId);
  return bytes;
}

/** Sends the objects; the server answers with a byte once it has them all. */
function copyTo(port, chain) {
  const total = chain.reduce((sum, { object }) => sum + object.length, 0);
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true }, async () => {
      const hello = Buffer.alloc(9);
      hello.writeUInt8(1, 0);
      hello.writeDoubleLE(total, 1);
      socket.write(hello);
      for (const { object } of chain) {
        for (let at = 0; at < object.length; at += WRITE_BYTES) {
          const room = socket.write(object.subarray(at, at + WRITE_BYTES));
          if (!room) await new Promise((drained) => socket.once('drain', drained));
        }
      }
    });
    socket.once('data', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

/** Has the server send as many bytes, into one buffer that is used again and again. */
function copyFrom(port, total) {
  return new Promise((resolve, reject) => {
    let got = 0;
    const onread = {
      buffer: Buffer.alloc(WRITE_BYTES),
      callback(count) {
        got += count;
        if (got >= total) socket.destroy();
        return true;
      },
    };
    const socket = connect({ port, host: '127.0.0.1', onread }, () => {
      const hello = Buffer.alloc(9);
      hello.writeUInt8(2, 0);
      hello.writeDoubleLE(total, 1);
      socket.write(hello);
    });
    socket.once('close', () => (got >= total ? resolve() : reject(new Error('the copy was cut off'))));
    socket.once('error', reject);
  });
}

const server = fork(new URL('./data-plane-server.mjs', import.meta.url), { stdio: 'inherit' });
const { grpcPort, tcpPort } = await new Promise((resolve) => server.once('message', resolve));
const options = { address: `127.0.0.1:${grpcPort}`, checksum: crc32c };
const clients = {
  'data channel': connectKvStore(options),
  'gRPC frames': connectKvStore({ ...options, transport: 'grpc' }),
};
const speeds = {};
const note = (name, value) => (speeds[name] ??= []).push(value);

for (let round = 0; round < ROUNDS; round++) {
  for (const [transport, client] of Object.entries(clients)) {
    await client.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [0], workerId: 'bench' });
    const chain = freshChain(BLOCKS);
    const total = chain.reduce((sum, { object }) => sum + object.length, 0);
    note(`put plain ${transport}`, await timed(total, () => copyTo(tcpPort, chain)));
    note(`put ours ${transport}`, await timed(total, () => putAll(client, chain)));
    note(`get plain ${transport}`, await timed(total, () => copyFrom(tcpPort, total)));
    note(`get ours ${transport}`, await timed(total, () => getAll(client, chain)));
    await client.evict({ namespace, what: { kind: 'namespace' } });
  }
}
for (const client of Object.values(clients)) client.close();
server.disconnect();

/** The median round by ratio: both sides of a round saw the same machine. */
function medianRound(ours, peer) {
  const rounds = ours.map((value, i) => ({ ours: value, peer: peer[i], ratio: value / peer[i] }));
  rounds.shift(); // warms up
  return rounds.sort((a, b) => a.ratio - b.ratio)[Math.floor(rounds.length / 2)];
}

const rows = Object.keys(clients).flatMap((transport) =>
  ['put', 'get'].map((direction) => {
    const round = medianRound(speeds[`${direction} ours ${transport}`], speeds[`${direction} plain ${transport}`]);
    return {
      case: `${direction} 8 MiB blocks, ${transport}, GB/s`,
      ...round,
      bar: transport === 'data channel' ? BAR_SHARE : 'none',
    };
  }),
);
for (const { case: name, ours, peer, ratio, bar } of rows) {
  const verdict = ours >= 1 || ratio >= BAR_SHARE ? 'met' : 'missed';
  const met = bar === 'none' ? 'no bar' : verdict;
  console.log(`${name}: ${ours.toFixed(2)}, plain TCP copy ${peer.toFixed(2)}, ratio ${ratio.toFixed(2)} (${met})`);
}
if (path) writeFileSync(path, `${JSON.stringify(rows, null, 2)}\n`);
