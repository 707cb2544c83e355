import { openLogFolder, type LoggedBlock, type LogListing } from '@longhaul/kv-store';
import { parseFlags } from '../flags.js';
import { qualityName } from './block-words.js';
import { kvDirUnlessAddress } from './log-folder.js';
import { listOnline, ONLINE_FLAGS } from './online.js';
import { hex, printReport, size, table } from './print.js';
import { storedHeader } from './stored-heads.js';

/** `longhaul kv ls`: one line per block; damaged ones too, as such. */
export async function kvLs(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['kv-dir', ...ONLINE_FLAGS], ['json']);
  const directory = kvDirUnlessAddress(flags);
  const json = flags.switches.has('json');
  if (directory !== null) return listFolder(directory, json);
  const blocks = await listOnline(flags);
  const rows = blocks.map(({ key, position, tokens, quality, tier }) => [key, position, tokens, quality, tier]);
  printReport({ blocks }, json, () => [
    ...table(['key', 'position', 'tokens', 'quality', 'tier'], rows),
    `${blocks.length} blocks`,
  ]);
}

interface ListedBlock {
  readonly key: string;
  readonly state: LoggedBlock['state'];
  readonly bytes: number;
  readonly segment: number;
  readonly offset: number;
  /** Null: its header cannot be read. */
  readonly block: {
    readonly modelFingerprint: string;
    readonly tenantTag: string;
    readonly deployEpoch: number;
    readonly firstPosition: number;
    readonly tokens: number;
    readonly quality: string;
    readonly createdUnixMs: number;
  } | null;
}

async function listFolder(directory: string, json: boolean): Promise<void> {
  const listing = await openLogFolder(directory);
  const puts = listing.items
    .filter((item) => item.kind === 'record')
    .filter(({ type, state }) => type === 'put' && state !== 'dead');
  const blocks: ListedBlock[] = [];
  for (const put of puts) blocks.push(await listed(listing, put));
  printReport({ directory, blocks }, json, () => describe(blocks));
}

async function listed(listing: LogListing, put: LoggedBlock): Promise<ListedBlock> {
  const header = put.state === 'damaged' ? null : await storedHeader(listing, put);
  const { state, objectBytes: bytes, segment, offset } = put;
  const place = { key: hex(put.key), state, bytes, segment, offset };
  if (!header) return { ...place, block: null };
  const { deployEpoch, firstPosition, tokenCount, createdUnixMs } = header;
  return {
    ...place,
    block: {
      modelFingerprint: hex(header.modelFingerprint),
      tenantTag: hex(header.tenantTag),
      deployEpoch,
      firstPosition,
      tokens: tokenCount,
      quality: qualityName(header.quality),
      createdUnixMs,
    },
  };
}

function describe(blocks: readonly ListedBlock[]): string[] {
  const rows = blocks.map(({ key, state, bytes, segment, block }) =>
    block
      ? [
          ...[key, block.modelFingerprint.slice(0, 8), block.tenantTag.slice(0, 8), block.firstPosition],
          ...[block.tokens, block.quality, bytes, segment, state],
        ]
      : [key, '-', '-', '-', '-', '-', bytes, segment, state === 'live' ? 'no block' : state],
  );
  const heads = ['key', 'model', 'tenant', 'position', 'tokens', 'quality', 'bytes', 'segment', 'state'];
  const live = blocks.filter(({ state }) => state === 'live');
  const total = live.reduce((sum, { bytes }) => sum + bytes, 0);
  return [...table(heads, rows), `${live.length} blocks, ${size(total)}`];
}
