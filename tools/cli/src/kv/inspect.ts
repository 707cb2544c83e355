import { existsSync } from 'node:fs';
import { mustReadBytes } from '@longhaul/files';
import { AppError, invalidArgument } from '@longhaul/kernel';
import { MAX_OBJECT_BYTES } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import { openLogFolder, readLoggedBlock, type LoggedBlock } from '@longhaul/kv-store';
import { parseFlags, type Flags } from '../flags.js';
import { reportBlock, type BlockReport } from './block-report.js';
import { kvDir } from './log-folder.js';
import { facts, hex, printReport, table } from './print.js';

const MIN_KEY_DIGITS = 8;

/** `longhaul kv inspect`: exit code 1 when the block is damaged. */
export async function kvInspect(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['kv-dir'], ['json', 'tokens']);
  const [word, extra] = flags.words;
  if (word === undefined || extra !== undefined)
    throw invalidArgument('arguments', 'Exactly one block is needed: its key in hexadecimal, or a file.');
  const report = existsSync(word) ? inspectFile(word, flags) : await inspectKey(word, flags);
  printReport(report, flags.switches.has('json'), () => describe(report));
  if (!report.sound) process.exitCode = 1;
}

interface Inspected extends BlockReport {
  readonly source: string;
}

function inspectFile(path: string, flags: Flags): Inspected {
  const option = 'arguments';
  const bytes = mustReadBytes({ path, maxBytes: MAX_OBJECT_BYTES, option, reason: 'INVALID_ARGUMENT' });
  const tokens = flags.switches.has('tokens');
  return { source: path, ...reportBlock(bytes, { expected: {}, checksum: crc32c, tokens }) };
}

async function inspectKey(word: string, flags: Flags): Promise<Inspected> {
  const wanted = word.toLowerCase();
  if (!/^[0-9a-f]{8,64}$/.test(wanted))
    throw invalidArgument(
      'arguments',
      `${word} is no file, and no key: at least ${MIN_KEY_DIGITS} hexadecimal digits of one are needed.`,
    );
  const listing = await openLogFolder(kvDir(flags));
  const puts = listing.items.filter((item) => item.kind === 'record').filter(({ type }) => type === 'put');
  const block = chooseBlock(puts, wanted);
  const object = await readLoggedBlock(listing, block);
  const expected = { seqKey: block.key, objectBytes: block.objectBytes };
  const report = reportBlock(object, { expected, checksum: crc32c, tokens: flags.switches.has('tokens') });
  const source = `segment ${block.segment}, offset ${block.offset}, ${block.state}`;
  if (block.state !== 'damaged') return { source, ...report };
  const damaged = { reason: 'KV_CORRUPT', fault: '', message: 'The record of the block is damaged.' };
  const trouble = report.trouble ?? { ...damaged, earlierFormat: false };
  return { source, ...report, sound: false, trouble };
}

/** Live or damaged records before dead ones, later ones before earlier ones; two keys are one too many. */
function chooseBlock(puts: readonly LoggedBlock[], wanted: string): LoggedBlock {
  const found = puts.filter(({ key }) => hex(key).startsWith(wanted));
  const served = found.filter(({ state }) => state !== 'dead');
  const candidates = served.length > 0 ? served : found;
  const keys = new Set(candidates.map(({ key }) => hex(key)));
  if (keys.size > 1) throw invalidArgument('arguments', `${keys.size} blocks have keys that begin with ${wanted}.`);
  const last = candidates.at(-1);
  if (last) return last;
  throw new AppError({
    code: 'NOT_FOUND',
    reason: 'KV_NOT_FOUND',
    message: `There is no block whose key begins with ${wanted}.`,
  });
}

function describe(report: Inspected): string[] {
  const verdict = report.sound
    ? 'sound'
    : `${report.trouble?.earlierFormat ? 'not used' : 'damaged'}: ${report.trouble?.message ?? ''} (${report.trouble?.fault ?? ''})`;
  const lines = facts([
    ['stored', report.source],
    ['bytes', report.bytes],
    ['verdict', verdict],
  ]);
  if (report.header) {
    const header = Object.entries(report.header).map(
      ([name, value]) => [name, typeof value === 'object' ? value.join(', ') || 'none' : value] as const,
    );
    lines.push('', ...facts(header));
  }
  if (report.sections.length > 0) {
    const rows = report.sections.map((s) => [
      ...[s.index, s.kind, s.layer < 0 ? 'all' : s.layer, s.codec, s.dtype],
      ...[s.offset, s.storedBytes, s.crc32c, s.sound ? 'sound' : 'DAMAGED'],
    ]);
    const heads = ['section', 'kind', 'layer', 'codec', 'dtype', 'offset', 'bytes', 'crc32c', 'bytes are'];
    lines.push('', ...table(heads, rows));
  }
  if (report.tokens) lines.push('', `tokens: ${report.tokens.join(' ')}`);
  return lines;
}
