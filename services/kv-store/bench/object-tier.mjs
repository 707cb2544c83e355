// The object tier against a real S3 server on this machine, beside plain puts and gets of the same bytes through the
// same client: `node services/kv-store/bench/object-tier.mjs [--json PATH]` after `npm run build`.
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { crc32c } from '@longhaul/kv-native';
import { startS3 } from '@longhaul/testing';
import { writeFileSync } from 'node:fs';
import { ObjectTier } from '../dist/adapters/object/index.js';
import { S3Bucket } from '../dist/adapters/object/s3-bucket.js';

const path = process.argv.includes('--json') ? process.argv[process.argv.indexOf('--json') + 1] : undefined;
const BLOCK_BYTES = 8 << 20;
const BLOCKS = 32;
const STREAMS = 4;

const server = await startS3();
const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
const bucketOptions = { endpoint: server.endpoint, region: server.region, bucket: server.bucket, credentials };
const client = new S3Client({ ...bucketOptions, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });

const key = (i) => new Uint8Array(32).fill(i + 1);
const block = new Uint8Array(BLOCK_BYTES);
for (let i = 0; i < block.length; i++) block[i] = Math.imul(i, 2_654_435_761) >>> 24;

async function inStreams(count, streams, work) {
  let next = 0;
  const worker = async () => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: streams }, worker));
}

/** MB/s of moving `count` times `bytes`. */
async function speed(count, bytes, work, streams = STREAMS) {
  const started = performance.now();
  await inStreams(count, streams, work);
  return (count * bytes) / 1e3 / (performance.now() - started);
}

const open = () =>
  ObjectTier.open({
    bucket: new S3Bucket({
      ...bucketOptions,
      prefix: 'kv/v1',
      forcePathStyle: true,
      readMs: 30_000,
      uploadMs: 60_000,
      attempts: 2,
      connections: 32,
    }),
    checksum: crc32c,
    limitBytes: 2 ** 40,
  });

const rows = [];
const report = (name, ours, peer) => rows.push({ case: name, ours, peer, ratio: ours / peer, bar: null });
try {
  const tier = await open();
  const extent = new Uint8Array(4 * BLOCK_BYTES);
  const plainPut = await speed(BLOCKS / 4, extent.length, (i) =>
    client.send(new PutObjectCommand({ Bucket: server.bucket, Key: `plain/${i}`, Body: extent })),
  );
  const put = await speed(BLOCKS, BLOCK_BYTES, (i) => tier.put(key(i), block), 16);
  report('object tier put, 8 MiB blocks, MB/s', put, plainPut);

  const plainGet = await speed(BLOCKS, BLOCK_BYTES, async (i) => {
    const begin = (i % 4) * BLOCK_BYTES;
    const Range = `bytes=${begin}-${begin + BLOCK_BYTES - 1}`;
    const { Body } = await client.send(new GetObjectCommand({ Bucket: server.bucket, Key: `plain/${i >> 2}`, Range }));
    let bytes = 0;
    for await (const chunk of Body) bytes += chunk.length;
    if (bytes !== BLOCK_BYTES) throw new Error('short read');
  });
  const get = await speed(BLOCKS, BLOCK_BYTES, (i) => tier.read(key(i), 0, BLOCK_BYTES));
  report('object tier get, verified, 4 at once, MB/s', get, plainGet);
  const plainOne = await speed(
    8,
    BLOCK_BYTES,
    async (i) => {
      const { Body } = await client.send(
        new GetObjectCommand({ Bucket: server.bucket, Key: `plain/${i % 4}`, Range: `bytes=0-${BLOCK_BYTES - 1}` }),
      );
      for await (const chunk of Body) void chunk;
    },
    1,
  );
  report(
    'object tier get, verified, one at a time, MB/s',
    await speed(8, BLOCK_BYTES, (i) => tier.read(key(i), 0, BLOCK_BYTES), 1),
    plainOne,
  );
  await tier.close();

  const started = performance.now();
  const again = await open();
  const openMs = performance.now() - started;
  const headsStarted = performance.now();
  for (let i = 0; i < BLOCKS; i++) await again.read(key(i), 0, 8192);
  const headsMs = performance.now() - headsStarted;
  console.log(
    `open with ${again.stats().extents} extents, ${again.objects} blocks: ${openMs.toFixed(1)} ms; all heads: ${headsMs.toFixed(1)} ms`,
  );
  await again.close();
} finally {
  await server.close();
}
for (const row of rows)
  console.log(`${row.case}: ${row.ours.toFixed(0)}, plain ${row.peer.toFixed(0)}, x${row.ratio.toFixed(2)}`);
if (path) writeFileSync(path, `${JSON.stringify(rows, null, 2)}\n`);
