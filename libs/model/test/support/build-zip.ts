import { crc32, deflateRawSync } from 'node:zlib';

export interface ZipContent {
  readonly name: string;
  readonly data: Uint8Array;
  /** Default true. */
  readonly deflate?: boolean;
  /** Replaces the checksum, to write a damaged archive. */
  readonly crc?: number;
}

/** Writes a zip file in memory: local headers, directory, end record. */
export function buildZip(files: readonly ZipContent[]): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const file of files) {
    const name = Buffer.from(file.name);
    const packed = file.deflate === false ? Buffer.from(file.data) : deflateRawSync(file.data);
    const shared = sharedFields(file, packed.length, name.length);
    const local = Buffer.concat([signature(0x04034b50), u16(20), shared, name, packed]);
    const tail = Buffer.concat([u16(0), u16(0), u16(0), u32(0), u32(offset)]);
    directory.push(Buffer.concat([signature(0x02014b50), u16(20), u16(20), shared, tail, name]));
    locals.push(local);
    offset += local.length;
  }
  const list = Buffer.concat(directory);
  const counts = [u16(0), u16(0), u16(files.length), u16(files.length), u32(list.length), u32(offset), u16(0)];
  return Buffer.concat([...locals, list, signature(0x06054b50), ...counts]);
}

/** Flags, method, time, date, checksum, sizes, length of name and extra field: the same in both headers. */
function sharedFields(file: ZipContent, packedBytes: number, nameBytes: number): Buffer {
  const method = file.deflate === false ? 0 : 8;
  const sizes = [u32(file.crc ?? crc32(file.data)), u32(packedBytes), u32(file.data.length)];
  return Buffer.concat([u16(0), u16(method), u16(0), u16(0), ...sizes, u16(nameBytes), u16(0)]);
}

function signature(value: number): Buffer {
  return u32(value);
}

function u16(value: number): Buffer {
  return Buffer.from(Uint16Array.of(value).buffer);
}

function u32(value: number): Buffer {
  return Buffer.from(Uint32Array.of(value).buffer);
}
