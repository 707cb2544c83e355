import { type Checksum } from '@longhaul/kv-core';
import { type BlockFile } from '@longhaul/kv-native';
import {
  BLOCK_BYTES,
  decodeRecordHeader,
  decodeTombstone,
  HEADER_BYTES,
  type HeaderCheck,
  isTombstone,
  recordBytes,
  type RecordHeader,
} from './record-format.js';

const WINDOW_BYTES = 1 << 20;
const PAYLOAD_STEP_BYTES = 4 << 20;

/** Reads a file forwards: many small reads from one large one. */
class ForwardReader {
  readonly #file: BlockFile;
  #window: Uint8Array = new Uint8Array(0);
  #start = 0;

  constructor(file: BlockFile) {
    this.#file = file;
  }

  /** Shorter than asked at the end of the file. Valid until the next call. */
  async view(offset: number, length: number): Promise<Uint8Array> {
    const inside = offset >= this.#start && offset + length <= this.#start + this.#window.length;
    if (!inside) {
      this.#window = await this.#file.readAt(offset, Math.max(length, WINDOW_BYTES));
      this.#start = offset;
    }
    return this.#window.subarray(offset - this.#start, offset - this.#start + length);
  }

  /** CRC32C of a range, or -1 where the file ends before it does. */
  async checksum(offset: number, length: number, checksum: Checksum): Promise<number> {
    let crc = 0;
    for (let done = 0; done < length; done += PAYLOAD_STEP_BYTES) {
      const step = Math.min(PAYLOAD_STEP_BYTES, length - done);
      const bytes = await this.view(offset + done, step);
      if (bytes.length < step) return -1;
      crc = checksum(bytes, crc);
    }
    return crc;
  }
}

/** Part of a segment to be scanned. */
export interface ScanRange {
  readonly from: number;
  /** End of the file. */
  readonly end: number;
  /** What the first record's lsn has to be. */
  readonly expectedLsn: number;
  /** True where all was acknowledged: records behind a damaged one are looked for. Else the first invalid record ends it. */
  readonly sealed: boolean;
  /** No record here reaches this lsn (infinity: unknown). */
  readonly boundLsn: number;
  /** True where `boundLsn` is the lsn after the last record here: fewer records than up to it are damage. */
  readonly exact: boolean;
  /** Where the last record ends if all are there; 0: not known. The file may end before it. */
  readonly dueEnd: number;
  /** False: payloads are read only where the scan needs them (tombstones). */
  readonly verifyPayloads: boolean;
}

export type ScanItem =
  | {
      readonly kind: 'record';
      readonly offset: number;
      readonly header: RecordHeader;
      /** False: the header is whole and the payload is not, which is damage or a punched hole. Sealed segments only. */
      readonly payloadValid: boolean;
      /** Keys that a tombstone removes, where their record's lsn is below `removedBelow`. */
      readonly removed: readonly Uint8Array[];
      readonly removedBelow: number;
    }
  | { readonly kind: 'damage'; readonly offset: number; readonly bytes: number; readonly lostRecords: number }
  | { readonly kind: 'end'; readonly offset: number; readonly nextLsn: number };

type RecordItem = Extract<ScanItem, { kind: 'record' }>;

/**
 * The records of a segment in order, by the rule of recovery: a record counts only with the lsn that is
 * due, which is what unmasks whole older records behind the log's end. Ends with one `end`.
 */
export async function* scanSegment(file: BlockFile, range: ScanRange, check: HeaderCheck): AsyncGenerator<ScanItem> {
  const scan = new SegmentScan(file, range, check);
  let offset = range.from;
  let lsn = range.expectedLsn;
  for (;;) {
    let item = await scan.recordAt(offset);
    if (item?.header.lsn !== lsn || (!range.sealed && !item.payloadValid)) item = null;
    if (item === null) {
      if (isEnd(range, offset, lsn)) break;
      item = await scan.resync(offset + BLOCK_BYTES, lsn);
      // Preallocated and not cut: the process ended while it sealed the segment.
      if (item === null && !range.exact && (await scan.isBlank(offset))) break;
      const next = item ?? { offset: range.end, header: { lsn: range.exact ? range.boundLsn : lsn + 1 } };
      const damageEnd = Math.max(next.offset, item === null ? range.dueEnd : 0);
      yield { kind: 'damage', offset, bytes: damageEnd - offset, lostRecords: next.header.lsn - lsn };
      if (item === null) {
        offset = range.end;
        lsn = next.header.lsn;
        break;
      }
    }
    yield item;
    offset = item.offset + recordBytes(item.header.payloadBytes);
    lsn = item.header.lsn + 1;
  }
  yield { kind: 'end', offset, nextLsn: lsn };
}

/** Whether an invalid record at `offset` is no loss: behind the last due lsn there are only older tails. */
function isEnd(range: ScanRange, offset: number, lsn: number): boolean {
  if (!range.sealed) return true;
  return range.exact ? lsn >= range.boundLsn : offset >= range.end;
}

class SegmentScan {
  readonly #reader: ForwardReader;
  readonly #range: ScanRange;
  readonly #check: HeaderCheck;

  constructor(file: BlockFile, range: ScanRange, check: HeaderCheck) {
    this.#reader = new ForwardReader(file);
    this.#range = range;
    this.#check = check;
  }

  /** Null where there is no whole header with room for its payload. */
  async recordAt(offset: number): Promise<RecordItem | null> {
    if (offset + BLOCK_BYTES > this.#range.end) return null;
    const header = decodeRecordHeader(await this.#reader.view(offset, HEADER_BYTES), this.#check);
    if (header === null || offset + recordBytes(header.payloadBytes) > this.#range.end) return null;
    const removes = isTombstone(header.type);
    const payloadValid = !(this.#range.verifyPayloads || removes) || (await this.#payloadMatches(offset, header));
    const record = { kind: 'record', offset, header, payloadValid } as const;
    if (!removes || !payloadValid) return { ...record, removed: [], removedBelow: 0 };
    const payload = await this.#reader.view(offset + HEADER_BYTES, header.payloadBytes);
    const { keys, below } = decodeTombstone(header, payload);
    return { ...record, removed: keys, removedBelow: below };
  }

  /** The next record after damage: of a later lsn, before the next segment's, and whole. */
  async resync(from: number, minLsn: number): Promise<RecordItem | null> {
    const bound = this.#range.boundLsn;
    for (let offset = from; offset + BLOCK_BYTES <= this.#range.end; offset += BLOCK_BYTES) {
      const item = await this.recordAt(offset);
      if (item === null || item.header.lsn < minLsn || item.header.lsn >= bound) continue;
      if (item.payloadValid && (await this.#payloadMatches(offset, item.header))) return item;
    }
    return null;
  }

  async isBlank(offset: number): Promise<boolean> {
    return (await this.#reader.view(offset, BLOCK_BYTES)).every((byte) => byte === 0);
  }

  async #payloadMatches(offset: number, { payloadBytes, payloadCrc }: RecordHeader): Promise<boolean> {
    const crc = await this.#reader.checksum(offset + HEADER_BYTES, payloadBytes, this.#check.checksum);
    return crc === payloadCrc;
  }
}
