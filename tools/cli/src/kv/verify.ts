import { verifyBlock } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import {
  openDiskTier,
  openLogFolder,
  readLoggedBlock,
  requireLogFolder,
  verifyLog,
  type LogListing,
} from '@longhaul/kv-store';
import { parseFlags } from '../flags.js';
import { troubleOf, type BlockTrouble } from './block-report.js';
import { exclusively, kvDir, liveBlocks } from './log-folder.js';
import { facts, hex, printReport, size, table } from './print.js';

/** One place where something is wrong. */
interface Damage {
  /** Null: damage that hides which blocks were there. */
  readonly key: string | null;
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
  /** Records that cannot be read there. */
  readonly lostRecords: number;
  readonly fault: string;
  readonly message: string;
}

/** A block that is gone. */
interface LostBlock {
  readonly key: string;
  readonly segment: number;
  readonly offset: number;
  readonly bytes: number;
}

interface Verdict {
  readonly directory: string;
  readonly blocks: number;
  readonly blockBytes: number;
  readonly damage: readonly Damage[];
  /** Records that were acknowledged and are damaged or gone. Some of them may have been removed or superseded since. */
  readonly lostRecords: number;
  /** Of these the blocks that the newest checkpoint knows and that nothing has removed. */
  readonly lostBlocks: readonly LostBlock[];
  readonly damagedCheckpoints: number;
  /** Blocks as they were written, in a format that is read no more: the store drops them at its next start. */
  readonly earlierFormatBlocks: number;
  /** `none`: written before there were ledgers. `damaged`, `missing`: the last records may be lost without a trace. */
  readonly ledger: 'none' | 'whole' | 'damaged' | 'missing';
  /** A write at the end of the log that was never acknowledged; no damage. */
  readonly tornTail: boolean;
  readonly foreignFiles: readonly string[];
  /** As found, before any repair. */
  readonly sound: boolean;
  readonly repaired: boolean;
  /** Blocks that were taken out by the repair. */
  readonly removedBlocks: number;
}

/** `longhaul kv verify`: every record against its checksums, then every block against its own. */
export async function kvVerify(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['kv-dir'], ['json', 'repair']);
  const directory = kvDir(flags);
  const listing = await openLogFolder(directory);
  const { bad, earlierFormatBlocks } = await badBlocks(listing);
  const damage = [...recordDamage(listing), ...bad.map(({ damage: one }) => one)];
  const { damagedCheckpoints, ledger, lostRecords, tornTail } = listing.report;
  const sound = listing.sound && bad.length === 0;
  const repaired = flags.switches.has('repair');
  const keys = bad.map(({ key }) => key);
  const removedBlocks = repaired ? await exclusively(directory, () => repair(directory, keys)) : 0;
  const live = liveBlocks(listing);
  const verdict: Verdict = {
    directory,
    blocks: live.length,
    blockBytes: live.reduce((sum, { objectBytes }) => sum + objectBytes, 0),
    damage,
    ...{
      lostRecords,
      lostBlocks: lostBlocks(listing),
      ledger,
      damagedCheckpoints,
      earlierFormatBlocks,
      tornTail,
      foreignFiles: listing.foreign,
      sound,
      repaired,
      removedBlocks,
    },
  };
  printReport(verdict, flags.switches.has('json'), () => describe(verdict));
  if (!sound && !repaired) process.exitCode = 1;
}

/** What the log itself shows: bytes that no checksum vouches for. */
function recordDamage(listing: LogListing): Damage[] {
  const records = listing.items.filter((item) => item.kind === 'record');
  const keys = new Map(records.map(({ segment, offset, key }) => [`${segment}:${offset}`, hex(key)]));
  return listing.items
    .filter((item) => item.kind === 'damage')
    .map(({ segment, offset, bytes, lostRecords }) => ({
      key: keys.get(`${segment}:${offset}`) ?? null,
      ...{ segment, offset, bytes, lostRecords, fault: 'record', message: damageMessage(offset, lostRecords) },
    }));
}

function lostBlocks(listing: LogListing): LostBlock[] {
  return listing.lost.map(({ key, segment, offset, objectBytes }) => ({
    key: hex(key),
    ...{ segment, offset, bytes: objectBytes },
  }));
}

interface BadBlock {
  readonly key: Uint8Array;
  readonly damage: Damage;
}

interface FoundBlocks {
  readonly bad: readonly BadBlock[];
  readonly earlierFormatBlocks: number;
}

/** Records that are as they were written, and whose object is no sound block of their key. */
async function badBlocks(listing: LogListing): Promise<FoundBlocks> {
  const bad: BadBlock[] = [];
  let earlierFormatBlocks = 0;
  for (const block of liveBlocks(listing)) {
    const { key, segment, offset, objectBytes } = block;
    const object = await readLoggedBlock(listing, block);
    const expected = { seqKey: key, objectBytes };
    const trouble: BlockTrouble | null = troubleOf(() => verifyBlock(object, { expected, checksum: crc32c }));
    if (trouble?.earlierFormat) earlierFormatBlocks++;
    if (!trouble || trouble.earlierFormat) continue;
    const { fault, reason, message } = trouble;
    const place = { key: hex(key), segment, offset, bytes: objectBytes, lostRecords: 1 };
    bad.push({ key, damage: { ...place, fault: fault || reason, message } });
  }
  return { bad, earlierFormatBlocks };
}

function damageMessage(offset: number, lostRecords: number): string {
  if (lostRecords > 0) return 'What was acknowledged there is damaged or gone.';
  return offset === 0 ? 'The header of the segment is damaged.' : 'The segment is shorter than it was.';
}

/** Takes damaged records and the blocks of `keys` out. @returns how many blocks. */
async function repair(directory: string, keys: readonly Uint8Array[]): Promise<number> {
  requireLogFolder(directory);
  const { quarantined, listing } = await verifyLog(directory, { repair: true });
  if (keys.length > 0) {
    const tier = await openDiskTier({ directory, limitBytes: Number.MAX_SAFE_INTEGER, scrubPerHour: 0 });
    try {
      await tier.remove(keys);
      await tier.checkpoint();
    } finally {
      await tier.close();
    }
  }
  const damaged = listing.items.filter((item) => item.kind === 'record' && item.state === 'damaged').length;
  return Math.max(quarantined, damaged) + keys.length;
}

const LEDGER_WORDS = {
  whole: 'whole',
  none: 'none (written by an earlier version; the end of the log is taken for what its last whole record says)',
  damaged: 'damaged (records at the end of the log may be lost without a trace)',
  missing: 'missing (records at the end of the log, or whole segments, may be lost without a trace)',
} as const;

function describeLost(blocks: readonly LostBlock[]): string {
  if (blocks.length === 0) return '0';
  return `${blocks.length} (${size(blocks.reduce((sum, { bytes }) => sum + bytes, 0))})`;
}

function unsound({ damage, lostRecords }: Verdict): string {
  return `${damage.length} damaged places; ${lostRecords} records that were acknowledged are lost.`;
}

function describe(verdict: Verdict): string[] {
  const { damage, sound, repaired, earlierFormatBlocks } = verdict;
  const lines = facts([
    ['directory', verdict.directory],
    ['sound blocks', verdict.blocks - earlierFormatBlocks - damage.filter(({ fault }) => fault !== 'record').length],
    ['of an earlier format', earlierFormatBlocks === 0 ? '0' : `${earlierFormatBlocks} (dropped at the next start)`],
    ['bytes', size(verdict.blockBytes)],
    ['lost records', verdict.lostRecords],
    ['lost blocks known by key', describeLost(verdict.lostBlocks)],
    ['torn tail', verdict.tornTail ? 'yes (never acknowledged; cut at the next start)' : 'no'],
    ['ledger', LEDGER_WORDS[verdict.ledger]],
    ['damaged checkpoints', verdict.damagedCheckpoints],
    ['foreign files', verdict.foreignFiles.join(', ') || 'none'],
  ]);
  if (damage.length > 0) {
    const rows = damage.map((d) => [d.key ?? '?', d.segment, d.offset, d.bytes, d.lostRecords, d.fault]);
    lines.push('', ...table(['key', 'segment', 'offset', 'bytes', 'records', 'fault'], rows));
  }
  const found = sound ? 'Everything is as it was written.' : unsound(verdict);
  const done = repaired ? `Repaired: ${verdict.removedBlocks} blocks were taken out.` : 'Repair with --repair.';
  return [...lines, '', sound && !repaired ? found : `${found} ${done}`];
}
