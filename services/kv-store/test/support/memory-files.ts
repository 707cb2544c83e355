import { basename, dirname } from 'node:path';
import { type BlockFile, type OpenMode } from '@longhaul/kv-native';
import { AppError } from '@longhaul/kernel';
import { type DiskFiles } from '../../src/adapters/disk/index.js';

const SECTOR = 512;

interface Content {
  bytes: Uint8Array;
  /** What a power cut leaves for certain; other sectors may or may not be there. */
  synced: Uint8Array;
}

export function ioError(reason: string): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message: `injected ${reason}` });
}

/** A disk in memory that can be cut off, damaged and made to fail. */
export class MemoryFiles implements DiskFiles {
  readonly contents = new Map<string, Content>();
  /** Called before each operation; what it throws the operation rejects with. */
  fault: (operation: string, path: string, bytes: number) => void = () => undefined;
  /** Called before each read, for tests that hold one up. */
  beforeRead: () => Promise<void> = () => Promise.resolve();
  readonly #locks = new Set<string>();

  open(path: string, mode: OpenMode): Promise<BlockFile> {
    return this.#do('open', path, 0, () => {
      if (mode === 'create' && !this.contents.has(path)) {
        this.contents.set(path, { bytes: new Uint8Array(0), synced: new Uint8Array(0) });
      }
      const content = this.contents.get(path);
      if (!content) throw ioError('KV_DISK_IO');
      return this.#file(path, content);
    });
  }

  lock(directory: string): Promise<() => Promise<void>> {
    if (this.#locks.has(directory)) return Promise.reject(ioError('KV_DISK_LOCKED'));
    this.#locks.add(directory);
    return Promise.resolve(() => {
      this.#locks.delete(directory);
      return Promise.resolve();
    });
  }

  list(directory: string): Promise<string[]> {
    const names = [...this.contents.keys()].filter((path) => dirname(path) === directory).map((path) => basename(path));
    return Promise.resolve(names.sort());
  }

  ownDirectory(): ReturnType<DiskFiles['ownDirectory']> {
    return Promise.resolve({ state: 'private', mode: 0o700, tightenedFiles: 0 });
  }

  rename(from: string, to: string): Promise<void> {
    return this.#do('rename', to, 0, () => {
      const content = this.contents.get(from);
      if (!content) throw ioError('KV_DISK_IO');
      this.contents.delete(from);
      this.contents.set(to, content);
    });
  }

  remove(path: string): Promise<void> {
    return this.#do('remove', path, 0, () => void this.contents.delete(path));
  }

  syncDirectory(path: string): Promise<void> {
    return this.#do('syncDirectory', path, 0, () => undefined);
  }

  /** What is left after a power cut: unsynced sectors by chance. Without chance: an exact copy. */
  copy(chance: (() => number) | null = null): MemoryFiles {
    const copy = new MemoryFiles();
    for (const [path, { bytes, synced }] of this.contents) {
      const left = bytes.slice();
      if (chance) {
        for (let at = 0; at < bytes.length; at += SECTOR) {
          if (chance() < 0.5) continue;
          const old = new Uint8Array(SECTOR);
          old.set(synced.subarray(at, at + SECTOR));
          left.set(old.subarray(0, Math.min(SECTOR, left.length - at)), at);
        }
      }
      copy.contents.set(path, { bytes: left, synced: left.slice() });
    }
    return copy;
  }

  /** The only file whose name has this in it. */
  content(part: string): Content {
    for (const [path, content] of this.contents) if (path.includes(part)) return content;
    throw new Error(`no file ${part}`);
  }

  #file(path: string, content: Content): BlockFile {
    const resize = (bytes: number): void => {
      const next = new Uint8Array(bytes);
      next.set(content.bytes.subarray(0, bytes));
      content.bytes = next;
    };
    return {
      path,
      direct: true,
      writeAt: (buffers, offset) => {
        const data = Buffer.concat(buffers);
        return this.#do('write', path, data.length, () => {
          if (offset + data.length > content.bytes.length) resize(offset + data.length);
          content.bytes.set(data, offset);
        });
      },
      readAt: async (offset, length) => {
        await this.beforeRead();
        return this.#do('read', path, length, () => content.bytes.slice(offset, offset + length));
      },
      sync: () => this.#do('sync', path, 0, () => void (content.synced = content.bytes.slice())),
      allocate: (offset, length) =>
        this.#do('allocate', path, length, () => {
          if (offset + length > content.bytes.length) resize(offset + length);
          return true;
        }),
      punchHole: (offset, length) =>
        this.#do('punch', path, length, () => {
          content.bytes.fill(0, offset, offset + length);
          return true;
        }),
      truncate: (bytes) =>
        this.#do('truncate', path, 0, () => {
          resize(bytes);
        }),
      status: () =>
        this.#do('status', path, 0, () => ({ bytes: content.bytes.length, allocatedBytes: allocated(content.bytes) })),
      close: () => Promise.resolve(),
    };
  }

  async #do<T>(operation: string, path: string, bytes: number, work: () => T): Promise<T> {
    await Promise.resolve();
    this.fault(operation, path, bytes);
    return work();
  }
}

const ZEROS = new Uint8Array(4096);

/** Blocks that are not all zeros. */
function allocated(bytes: Uint8Array): number {
  let blocks = 0;
  for (let at = 0; at < bytes.length; at += 4096) {
    const block = bytes.subarray(at, at + 4096);
    if (Buffer.compare(block, ZEROS.subarray(0, block.length)) !== 0) blocks++;
  }
  return blocks * 4096;
}
