import { type FileHandle, open, readFile } from 'node:fs/promises';

/**
 * llama.cpp's file of one sequence's KV cells, read just far enough to repeat its cells. Reaching a depth by computing
 * it would take the peer a quarter of an hour for 32K tokens; the cost of a step at a depth depends on how many cells
 * are filled, not on how they came to be.
 *
 * Layout (little endian): magic, version, token count, tokens; stream count; per stream a cell count and, if any, per cell position and
 * sequence
 * ids, V-transposed flag, layer count, per layer the K rows, per layer the V rows or, transposed, the V columns.
 */
interface StateTile {
  magic: number;
  version: number;
  /** Streams of the KV cache; all but the first are empty. */
  streams: number;
  cells: number;
  tokens: Uint32Array;
  transposed: boolean;
  layers: number;
  keys: LayerRows[];
  values: LayerRows[];
}

/** One tensor of a layer: its header as found and `runs` byte strings, each of which holds all cells. */
interface LayerRows {
  head: Buffer;
  runs: Buffer[];
}

const CELL_BYTES = 12;

class Cursor {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get rest(): number {
    return this.#bytes.length - this.#at;
  }

  u32(): number {
    const value = this.#bytes.readUInt32LE(this.#at);
    this.#at += 4;
    return value;
  }

  take(count: number): Buffer {
    if (count > this.rest) throw new Error(`state file ends ${count - this.rest} bytes early`);
    const part = this.#bytes.subarray(this.#at, this.#at + count);
    this.#at += count;
    return part;
  }
}

/**
 * Writes a state of `depth` tokens by repeating the cells of the state in `from`, positions counted on.
 *
 * @throws Error when the file is not laid out as described above; llama.cpp would refuse it as well.
 */
export async function repeatState(from: string, to: string, depth: number): Promise<void> {
  const tile = parseTile(await readFile(from));
  const file = await open(to, 'w');
  try {
    await file.writeFile(encodeHead(tile, depth));
    for (const layer of [...tile.keys, ...tile.values]) await writeLayer(file, layer, depth / tile.cells);
    await file.writeFile(Buffer.alloc(4 * (tile.streams - 1)));
  } finally {
    await file.close();
  }
}

function parseTile(bytes: Buffer): StateTile {
  const cursor = new Cursor(bytes);
  const magic = cursor.u32();
  const version = cursor.u32();
  const count = cursor.u32();
  const tokens = new Uint32Array(Array.from({ length: count }, () => cursor.u32()));
  const streams = cursor.u32();
  const cells = cursor.u32();
  if (cells !== count) throw new Error(`the first stream of the state has ${cells} cells for ${count} tokens`);
  checkCells(cursor.take(cells * CELL_BYTES), cells);
  const transposed = cursor.u32() === 1;
  const layers = cursor.u32();
  const keys = repeat(layers, () => parseRows(cursor, cells));
  const values = repeat(layers, () => (transposed ? parseColumns(cursor, cells) : parseRows(cursor, cells)));
  const emptyStreams = cursor.take(cursor.rest);
  if (emptyStreams.length !== 4 * (streams - 1) || emptyStreams.some((byte) => byte !== 0)) {
    throw new Error(`state file has ${emptyStreams.length} bytes more than one sequence's tensors`);
  }
  return { magic, version, streams, cells, tokens, transposed, layers, keys, values };
}

function checkCells(cells: Buffer, count: number): void {
  for (let i = 0; i < count; i++) {
    const plain = cells.readUInt32LE(i * CELL_BYTES) === i && cells.readUInt32LE(i * CELL_BYTES + 4) === 1;
    if (!plain) throw new Error(`cell ${i} of the state is not at position ${i} of one sequence`);
  }
}

/** Type, bytes a row (u64), then one row a cell. */
function parseRows(cursor: Cursor, cells: number): LayerRows {
  const head = cursor.take(12);
  return { head, runs: [cursor.take(Number(head.readBigUInt64LE(4)) * cells)] };
}

/** Type, bytes an element, number of columns, then one run of all cells a column. */
function parseColumns(cursor: Cursor, cells: number): LayerRows {
  const head = cursor.take(12);
  const bytes = head.readUInt32LE(4) * cells;
  return { head, runs: repeat(head.readUInt32LE(8), () => cursor.take(bytes)) };
}

function encodeHead(tile: StateTile, depth: number): Buffer {
  const copies = depth / tile.cells;
  if (!Number.isInteger(copies))
    throw new Error(`depth ${depth} is not a multiple of the ${tile.cells} cells computed`);
  const words = [tile.magic, tile.version, depth];
  for (let i = 0; i < depth; i++) words.push(tile.tokens[i % tile.cells] ?? 0);
  words.push(tile.streams, depth);
  for (let i = 0; i < depth; i++) words.push(i, 1, 0);
  words.push(tile.transposed ? 1 : 0, tile.layers);
  return Buffer.from(new Uint32Array(words).buffer);
}

async function writeLayer(file: FileHandle, layer: LayerRows, copies: number): Promise<void> {
  await file.writeFile(layer.head);
  for (const run of layer.runs) {
    await file.writeFile(Buffer.concat(repeat(copies, () => run)));
  }
}

function repeat<T>(count: number, make: () => T): T[] {
  return Array.from({ length: count }, make);
}
