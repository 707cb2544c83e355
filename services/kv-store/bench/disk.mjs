// What the disk tier does on this machine's disk: `npm run bench:disk -w @longhaul/kv-store -- [--objects 200] [--bytes 1474560]
// [--directory PATH] [--json PATH]`. Needs `npm run build`. Reads bypass the page cache where the file system allows it.
// Beside puts and gets: the same bytes to and from one plain file, opened in the same way, without log, index or checks.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBlockFile } from '@longhaul/kv-native';
import { openDiskTier } from '../dist/adapters/disk/index.js';

const { values } = parseArgs({
  options: {
    objects: { type: 'string', default: '200' },
    bytes: { type: 'string', default: '1474560' },
    directory: { type: 'string' },
    json: { type: 'string' },
  },
});
const [count, bytes] = [Number(values.objects), Number(values.bytes)];
const directory = mkdtempSync(join(values.directory ?? tmpdir(), 'longhaul-bench-'));
const log = join(directory, 'log');
const rows = [];

async function rate(units, work) {
  const started = process.hrtime.bigint();
  await work();
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  return units === null ? seconds * 1000 : units / seconds;
}

/** @param plain the same with a plain file, if there is such a thing. */
async function timed(name, units, work, plain) {
  const ours = await rate(units, work);
  const peer = plain ? await rate(units, plain) : null;
  rows.push({ case: `disk tier: ${name}`, ours, peer, ratio: peer === null ? null : ours / peer, bar: 'none' });
  const beside = peer === null ? '' : `, plain file ${peer.toFixed(1)}, ratio ${(ours / peer).toFixed(2)}`;
  console.log(`${name}: ${ours.toFixed(1)}${beside}`);
}

async function open() {
  let report;
  const onEvent = (event) => {
    if (event.kind === 'recovered') report = event.report;
  };
  const tier = await openDiskTier({ directory: log, limitBytes: 2 ** 40, scrubPerHour: 0, onEvent });
  return { tier, report };
}

/** At most `width` at a time. */
async function each(items, width, work) {
  const queue = [...items];
  const lane = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
}

try {
  const object = randomBytes(bytes);
  const keys = Array.from({ length: count }, () => randomBytes(32));
  const total = (count * bytes) / 1e6;
  const slot = Math.ceil(bytes / 4096) * 4096;
  const padded = Buffer.concat([object, Buffer.alloc(slot - bytes)]);
  let { tier, report } = await open();
  const file = await openBlockFile(join(directory, 'plain'), 'create');
  const places = Array.from({ length: count }, (_, n) => n);
  await timed(
    `put ${count} x ${bytes} B, 32 at a time, MB/s`,
    total,
    () => each(keys, 32, (key) => tier.put(key, object)),
    async () => {
      for (const n of places) {
        await file.writeAt([padded], n * slot);
        if (n % 32 === 31 || n === count - 1) await file.sync();
      }
    },
  );
  console.log(`direct I/O: ${tier.stats().directIo}, syncs: ${tier.stats().syncs}`);
  for (const width of [4, 1]) {
    await timed(
      `get, ${width} at a time, MB/s`,
      total,
      () => each(keys, width, (key) => tier.read(key, 0, bytes)),
      () => each(places, width, (n) => file.readAt(n * slot, bytes)),
    );
  }
  await file.close();
  const small = Array.from({ length: 2000 }, () => randomBytes(32));
  await timed('put 2000 x 1 KiB, 64 at a time, objects/s', 2000, () =>
    each(small, 64, (key) => tier.put(key, object.subarray(0, 1024))),
  );
  await tier.close();
  await timed('open with a checkpoint, ms', null, async () => ({ tier, report } = await open()));
  console.log(`${report.objects} objects`);
  await tier.close();
  for (const name of await (await import('node:fs/promises')).readdir(log)) {
    if (name.endsWith('.idx')) rmSync(join(log, name));
  }
  await timed('open without one, ms', null, async () => ({ tier, report } = await open()));
  console.log(`${report.scannedRecords} records, ${(report.scannedBytes / 1e6).toFixed(0)} MB scanned`);
  await tier.close();
} finally {
  rmSync(directory, { recursive: true, force: true });
}
if (values.json) writeFileSync(values.json, `${JSON.stringify(rows, null, 2)}\n`);
