import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { isJsonObject } from '../checkpoint/json-object.js';

/** Who made a lock or an unfinished directory. Process numbers are used again, and repeat in every container. */
interface Owner {
  readonly pid: number;
  /** When the process started, as the system counts it; null where that cannot be told. */
  readonly started: string | null;
  /** The machine and its boot, or the container. */
  readonly host: string;
}

/** This process as the text of a lock. */
export function ownerText(): string {
  const owner: Owner = { pid: process.pid, started: startOf('self'), host: hostId() };
  return JSON.stringify(owner);
}

/**
 * Whether the process that wrote a lock still runs.
 *
 * @returns `unknown` where it ran on another machine or in another container, so that only its age can tell.
 */
export function ownerState(text: string): 'alive' | 'dead' | 'unknown' {
  const owner = parseOwner(text);
  if (owner === null) return 'dead';
  if (owner.host !== hostId()) return 'unknown';
  if (!isRunning(owner.pid)) return 'dead';
  const started = startOf(String(owner.pid));
  return owner.started === null || started === null || owner.started === started ? 'alive' : 'dead';
}

/** The process number of a lock, for messages. */
export function ownerPid(text: string | null): string {
  return String(parseOwner(text ?? '')?.pid ?? 'of an unknown number');
}

function parseOwner(text: string): Owner | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  // Locks of earlier versions hold the number alone.
  if (typeof value === 'number') return { pid: value, started: null, host: hostId() };
  if (!isJsonObject(value)) return null;
  const { pid, started, host } = value;
  if (typeof pid !== 'number' || typeof host !== 'string') return null;
  return { pid, started: typeof started === 'string' ? started : null, host };
}

function hostId(): string {
  return `${hostname()}/${line('/proc/sys/kernel/random/boot_id') ?? ''}`;
}

/** Field 22 of /proc/PID/stat; the second one may hold spaces. */
function startOf(pid: string): string | null {
  const text = line(`/proc/${pid}/stat`);
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null;
}

function line(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return null;
  }
}

/** True for a running process, also one of another user. */
function isRunning(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
