import { MemoryFiles } from './memory-files.js';

type Random = () => number;

/** Ways to damage a folder. Each says what it did, for the message of a test that fails. */
const KINDS: readonly ((files: MemoryFiles, random: Random) => string)[] = [
  (files, random) => {
    const path = pick([...files.contents.keys()], random);
    const { bytes } = files.content(path);
    const at = Math.floor(random() * bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << Math.floor(random() * 8));
    return `flipped a bit of ${path} at ${String(at)}`;
  },
  (files, random) => {
    const path = segment(files, random);
    files.content(path).bytes = new Uint8Array(0);
    return `emptied ${path}`;
  },
  (files, random) => {
    const path = segment(files, random);
    files.content(path).bytes.fill(0, 0, 4096);
    return `zeroed the header of ${path}`;
  },
  (files, random) => {
    const path = segment(files, random);
    files.contents.delete(path);
    return `deleted ${path}`;
  },
  (files, random) => {
    const path = segment(files, random);
    const content = files.content(path);
    const bytes = Math.floor(random() * content.bytes.length);
    content.bytes = content.bytes.slice(0, bytes);
    return `cut ${path} at ${String(bytes)}`;
  },
  (files, random) => {
    const path = segment(files, random);
    const { bytes } = files.content(path);
    const at = Math.floor(random() * bytes.length);
    bytes.fill(0, at, at + 16_384);
    return `zeroed ${path} from ${String(at)}`;
  },
  (files, random) => {
    const path = pick(named(files, 'checkpoint'), random);
    if (path === undefined) return 'found no checkpoint';
    files.contents.delete(path);
    return `deleted ${path}`;
  },
  (files) => {
    for (const path of named(files, 'checkpoint')) files.contents.delete(path);
    return 'deleted every checkpoint';
  },
  (files, random) => {
    const path = pick(named(files, 'checkpoint'), random);
    if (path === undefined) return 'found no checkpoint';
    const { bytes } = files.content(path);
    bytes.fill(0, Math.floor(random() * bytes.length));
    return `zeroed the end of ${path}`;
  },
  (files) => {
    files.contents.delete(named(files, 'ledger')[0] ?? '');
    return 'deleted the ledger';
  },
];

function named(files: MemoryFiles, part: string): string[] {
  return [...files.contents.keys()].filter((path) => path.includes(part)).sort();
}

function segment(files: MemoryFiles, random: Random): string {
  return pick(named(files, 'segment'), random) ?? pick([...files.contents.keys()], random);
}

function pick<T>(from: readonly T[], random: Random): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** One to three kinds of damage. @returns what was done. */
export function damageAtRandom(files: MemoryFiles, random: Random): string {
  const count = random() < 0.6 ? 1 : random() < 0.7 ? 2 : 3;
  return Array.from({ length: count }, () => pick(KINDS, random)(files, random)).join(', ');
}
