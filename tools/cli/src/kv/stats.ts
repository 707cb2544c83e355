import { openLogFolder, type LogListing } from '@longhaul/kv-store';
import { parseFlags } from '../flags.js';
import { kvDirUnlessAddress, liveBlocks } from './log-folder.js';
import { ONLINE_FLAGS, statOnline } from './online.js';
import { facts, hex, printReport, size, table } from './print.js';
import { storedHeader } from './stored-heads.js';

/** `longhaul kv stats`: how much is kept, and of whom. */
export async function kvStats(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['kv-dir', ...ONLINE_FLAGS], ['json']);
  const directory = kvDirUnlessAddress(flags);
  const json = flags.switches.has('json');
  if (directory !== null) return folderStats(directory, json);
  const stat = await statOnline(flags);
  const rows = stat.tiers.map(({ tier, objects, bytes, limitBytes }) => [tier, objects, size(bytes), size(limitBytes)]);
  printReport(stat, json, () => [
    ...table(['tier', 'blocks', 'bytes', 'limit'], rows),
    '',
    ...facts([
      ['leases', stat.leases],
      ['lookups', stat.lookups],
      ['hit blocks', stat.hitBlocks],
      ['missed blocks', stat.missedBlocks],
      ['corrupt blocks', stat.corruptBlocks],
    ]),
  ]);
}

interface NamespaceUse {
  readonly modelFingerprint: string;
  readonly tenantTag: string;
  blocks: number;
  bytes: number;
}

async function folderStats(directory: string, json: boolean): Promise<void> {
  const listing = await openLogFolder(directory);
  const live = liveBlocks(listing);
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  const report = {
    directory,
    blocks: live.length,
    blockBytes: sum(live.map(({ objectBytes }) => objectBytes)),
    segments: listing.segments.length,
    fileBytes: sum(listing.segments.map(({ bytes }) => bytes)),
    allocatedBytes: sum(listing.segments.map(({ allocatedBytes }) => allocatedBytes)),
    liveBytes: sum(listing.segments.map(({ liveBytes }) => liveBytes)),
    lostRecords: listing.report.lostRecords,
    tornTail: listing.report.tornTail,
    ledger: listing.report.ledger,
    damagedCheckpoints: listing.report.damagedCheckpoints,
    foreignFiles: listing.foreign,
    namespaces: await usage(listing),
  };
  printReport(report, json, () => [
    ...facts([
      ['directory', directory],
      ['blocks', report.blocks],
      ['bytes of blocks', size(report.blockBytes)],
      ['on the disk', `${size(report.allocatedBytes)} in ${report.segments} segments, ${size(report.liveBytes)} live`],
      ['lost records', report.lostRecords],
      ['torn tail', report.tornTail ? 'yes' : 'no'],
      ['ledger', report.ledger],
      ['damaged checkpoints', report.damagedCheckpoints],
      ['foreign files', report.foreignFiles.join(', ') || 'none'],
    ]),
    '',
    ...table(
      ['model', 'tenant', 'blocks', 'bytes'],
      report.namespaces.map((n) => [n.modelFingerprint, n.tenantTag, n.blocks, size(n.bytes)]),
    ),
  ]);
}

/** Who has how much, most first. */
async function usage(listing: LogListing): Promise<NamespaceUse[]> {
  const uses = new Map<string, NamespaceUse>();
  for (const block of liveBlocks(listing)) {
    const header = await storedHeader(listing, block);
    const modelFingerprint = header ? hex(header.modelFingerprint) : 'unreadable';
    const tenantTag = header ? hex(header.tenantTag) : 'unreadable';
    const name = `${modelFingerprint}/${tenantTag}`;
    const use = uses.get(name) ?? { modelFingerprint, tenantTag, blocks: 0, bytes: 0 };
    use.blocks++;
    use.bytes += block.objectBytes;
    uses.set(name, use);
  }
  return [...uses.values()].sort((a, b) => b.bytes - a.bytes);
}
