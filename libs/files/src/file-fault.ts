import { readlinkSync, type BigIntStats } from 'node:fs';

/** Why there are no bytes: nothing has that name, or something has, and it cannot be used. */
export type FileFault = Fault<'missing'> | Fault<'refused'>;

interface Fault<Kind extends string> {
  readonly kind: Kind;
  /** What is wrong, beginning with the path, without a full stop. Never contents of the file. */
  readonly problem: string;
  readonly cause?: unknown;
}

/** The fault of a file that there is. */
export function refused(path: string, what: string): Fault<'refused'> {
  return { kind: 'refused', problem: `${path} ${what}` };
}

/** A pipe would hang and a device never ends: null for a regular file alone. */
export function faultOfKind(path: string, stats: BigIntStats): FileFault | null {
  return stats.isFile() ? null : refused(path, `is ${kindOf(stats)}; a regular file is needed`);
}

/** What the file system's error says, in words. */
export function faultOfError(path: string, cause: unknown): FileFault {
  const code = (cause as NodeJS.ErrnoException | null)?.code ?? 'unknown error';
  switch (code) {
    case 'ENOENT':
    case 'ENOTDIR': {
      const target = targetOf(path);
      if (target === null) return { kind: 'missing', problem: `${path} is not there`, cause };
      return { ...refused(path, `is a link to ${target}, which is not there`), cause };
    }
    case 'ELOOP':
      return { ...refused(path, 'is a link that leads back to itself'), cause };
    case 'EACCES':
    case 'EPERM':
      return { ...refused(path, `may not be read by this user (${code})`), cause };
    default:
      return { ...refused(path, `cannot be read (${code})`), cause };
  }
}

function kindOf(stats: BigIntStats): string {
  if (stats.isDirectory()) return 'a directory';
  if (stats.isFIFO()) return 'a named pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isCharacterDevice() || stats.isBlockDevice() ? 'a device' : 'no file';
}

function targetOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
