// Where bit-flips.mjs flips bits, and what it asks after each.
import {
  cpSync,
  fsyncSync,
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chainOf, namespace, putBlock, readChain } from './flip-blocks.mjs';
import { FlipStore } from './flip-store.mjs';
import { FlippingProxy } from './flipping-proxy.ts';

const CHAINS = 3;
const CHAIN_BLOCKS = 3;
/** Transfers over the wire at the same time: some wait for a deadline. */
const LANES = 8;
const WIRE_DEADLINE_MS = 3_000;
/** A put and a get of one block, with the calls around them, in one direction. */
const WIRE_BYTES = 34_000;

const chains = Array.from({ length: CHAINS }, (_, n) => chainOf(n, CHAIN_BLOCKS));

/**
 * `lost`: a block was refused and is a miss; `noticed`: counted, and all was served all the same; `harmless`: nothing
 * reads that bit (padding, free space, beyond the transfer), or it says nothing of the bytes. The other three must be 0.
 */
const newTally = (place) => ({
  ...{ place, flips: 0, served_wrong: 0, uncounted: 0, others_lost: 0 },
  ...{ lost: 0, noticed: 0, harmless: 0 },
});

/** Reads every chain; how far each came, and what came that is not what was stored. */
async function readAll(client) {
  const depths = [];
  let wrong = 0;
  for (const blocks of chains) {
    const { sound, wrong: bad } = await readChain(client, blocks);
    depths.push(sound);
    wrong += bad;
  }
  return { depths, wrong };
}

/** Half of the blocks are gone: time for a whole copy. */
const isSpent = (depths) => depths.reduce((sum, depth) => sum + depth, 0) * 2 < CHAINS * CHAIN_BLOCKS;

/** Judges one flip in what the store keeps: which chains are shorter, and whether that was counted. */
async function judge(tally, client, { before, found, counted }) {
  const shorter = chains.filter((_, n) => found.depths[n] < before[n]);
  tally.flips += 1;
  tally.served_wrong += found.wrong;
  if (shorter.length > 0) tally.lost += 1;
  else if (counted > 0) tally.noticed += 1;
  else tally.harmless += 1;
  if (shorter.length > 0 && counted === 0) tally.uncounted += 1;
  if (shorter.length > 1) tally.others_lost += 1;
  for (const blocks of shorter) await requireMiss(client, blocks, found.depths[chains.indexOf(blocks)]);
}

/** What was damaged is a miss from then on: another read finds as much as the one before, and fails no more. */
async function requireMiss(client, blocks, depth) {
  const { sound, wrong, errors } = await readChain(client, blocks);
  if (wrong === 0 && sound === depth && errors.length === 0) return;
  throw new Error(`The second read brought ${sound} of ${depth} blocks (${errors.join()}).`);
}

export async function flipMemory(flips, random) {
  const tally = newTally('memory');
  const store = new FlipStore();
  await store.listen();
  const client = store.client();
  let memory = [];
  let before = [];
  for (let done = 0; done < flips; done++) {
    if (isSpent(before)) {
      await store.open();
      for (const block of chains.flat()) await putBlock(client, block);
      memory = await memoryOf(store.core);
      before = chains.map(({ length }) => length);
    }
    const there = memory.filter(({ chain, n }) => n < before[chain]);
    const { object } = there[Math.floor(random() * there.length)];
    object[Math.floor(random() * object.length)] ^= 1 << Math.floor(random() * 8);
    const counted = store.counted;
    const found = await readAll(client);
    await judge(tally, client, { before, found, counted: store.counted - counted });
    before = found.depths;
  }
  await store.close();
  return tally;
}

/** The bytes that the memory tier itself holds: a get within the process hands out views of them. */
async function memoryOf(core) {
  const objects = [];
  for (const [chain, blocks] of chains.entries()) {
    const keys = blocks.map(({ key }) => key);
    const { leaseId } = await core.lookupPrefix({ namespace, keys, minQuality: 1, leaseMs: 0 });
    for await (const frame of core.get({ namespace, leaseId, keys, layerBegin: 0, layerEnd: 2 })) {
      if (frame.kind !== 'head') continue;
      const { buffer, byteOffset } = frame.bytes;
      const object = new Uint8Array(buffer, byteOffset, blocks[frame.block].object.length);
      objects.push({ chain, n: frame.block, object });
    }
    await core.releaseLease(leaseId);
  }
  return objects;
}

/** Flips in the files of the disk tier: while it is open, or between a close and the next start. */
export async function flipFiles(flips, random, open) {
  const tally = newTally(open ? 'open files' : 'closed files');
  const store = new FlipStore();
  await store.listen();
  const client = store.client();
  const root = mkdtempSync(join(tmpdir(), 'longhaul-flips-'));
  const whole = join(root, 'whole');
  const copy = join(root, 'copy');
  try {
    await store.open(whole);
    for (const block of chains.flat()) await putBlock(client, block);
    await store.core.close();
    let before = [];
    for (let done = 0; done < flips; done++) {
      if (!open || isSpent(before)) {
        await store.core.close();
        rmSync(copy, { recursive: true, force: true });
        cpSync(whole, copy, { recursive: true });
        before = chains.map(({ length }) => length);
        if (!open) flipInFolder(copy, random);
        await store.open(copy);
      }
      const counted = open ? store.counted : 0;
      if (open) flipInFolder(copy, random);
      const found = await readAll(client);
      await judge(tally, client, { before, found, counted: store.counted - counted });
      before = found.depths;
    }
    await store.close();
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return tally;
}

function flipInFolder(folder, random) {
  const files = readdirSync(folder).map((name) => join(folder, name));
  const sizes = files.map((file) => statSync(file).size);
  let at = Math.floor(random() * sizes.reduce((sum, bytes) => sum + bytes, 0));
  const which = sizes.findIndex((bytes) => (at -= bytes) < 0);
  const file = openSync(files[which], 'r+');
  const byte = new Uint8Array(1);
  const position = at + sizes[which];
  readSync(file, byte, 0, 1, position);
  byte[0] ^= 1 << Math.floor(random() * 8);
  writeSync(file, byte, 0, 1, position);
  fsyncSync(file);
  closeSync(file);
}

/** Flips in what goes over a connection, either way: of a put of a new block and a get of it. */
export async function flipWire(flips, random, transport) {
  const tally = newTally(transport === 'grpc' ? 'gRPC frames' : 'data channel');
  const lanes = await Promise.all(Array.from({ length: LANES }, () => openLane(transport)));
  let next = 0;
  const run = async (lane) => {
    while (next < flips) await flipTransfer(tally, { ...lane, random }, chainOf(1000 + next++, 1));
  };
  await Promise.all(lanes.map(run));
  for (const { direct, proxy, store } of lanes) {
    // All that was there before is there still.
    const { depths, wrong } = await readAll(direct);
    tally.served_wrong += wrong;
    if (depths.some((depth) => depth !== CHAIN_BLOCKS)) tally.others_lost += 1;
    proxy.close();
    await store.close();
  }
  return tally;
}

/** A store of its own behind a proxy, so that a flip finds the connection that it is meant for. */
async function openLane(transport) {
  const proxy = new FlippingProxy();
  const port = await proxy.listen();
  const store = new FlipStore();
  await store.listen(transport === 'grpc' ? 0 : port);
  proxy.target = transport === 'grpc' ? store.grpcPort : store.dataPort;
  await store.open();
  const direct = store.client({ transport: 'grpc' });
  for (const block of chains.flat()) await putBlock(direct, block);
  const deadlines = { controlMs: WIRE_DEADLINE_MS, putMs: WIRE_DEADLINE_MS, getMs: WIRE_DEADLINE_MS };
  const through = transport === 'grpc' ? { address: `127.0.0.1:${port}`, transport } : {};
  return { proxy, store, direct, connect: () => store.client({ ...through, deadlines }) };
}

async function flipTransfer(tally, { store, direct, connect, proxy, random }, blocks) {
  proxy.flip = { toServer: random() < 0.5, bit: Math.floor(random() * 8 * WIRE_BYTES) };
  const client = connect();
  const counted = store.counted;
  const refused = await putBlock(client, blocks[0]).then(
    () => false,
    () => true,
  );
  const read = await readChain(client, blocks);
  client.close();
  const stored = await readChain(direct, blocks);
  const lost = refused || read.sound === 0;
  const noticed = refused || read.errors.length > 0 || store.counted > counted;
  tally.flips += 1;
  tally.served_wrong += read.wrong + stored.wrong;
  if (lost) tally.lost += 1;
  else if (noticed) tally.noticed += 1;
  else tally.harmless += 1;
  if (lost && !noticed) tally.uncounted += 1;
  // What was acknowledged is stored, whatever the flip was.
  if (!refused && stored.sound === 0) tally.others_lost += 1;
}
