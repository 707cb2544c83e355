import { readFile } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** What of the machine a server may use. */
export interface MachineReport {
  cores: number;
  /** Cores that the container's quota is worth; null without one. */
  coreQuota: number | null;
  memoryBytes: number;
  /** The container's bound; null without one. */
  memoryLimitBytes: number | null;
  memoryFreeBytes: number;
  /** What the kernel gives to those who ask: always, madvise, never; null where it does not tell. */
  transparentHugePages: string | null;
}

export async function machineReport(): Promise<MachineReport> {
  const memoryBytes = totalmem();
  const limit = process.constrainedMemory();
  return {
    cores: availableParallelism(),
    coreQuota: quotaOf(await textOf('/sys/fs/cgroup/cpu.max')),
    memoryBytes,
    memoryLimitBytes: limit > 0 && limit < memoryBytes ? limit : null,
    memoryFreeBytes: process.availableMemory(),
    transparentHugePages: chosenOf(await textOf('/sys/kernel/mm/transparent_hugepage/enabled')),
  };
}

/** The processor's name as the system has it, where the engine cannot tell. */
export function processorName(): string {
  return cpus()[0]?.model.trim() ?? 'unknown';
}

/** `150000 100000` is a quota of 1.5 cores, `max 100000` none. */
export function quotaOf(text: string | null): number | null {
  const [quota, period] = (text ?? '').trim().split(/\s+/).map(Number);
  return quota !== undefined && period !== undefined && quota > 0 && period > 0 ? quota / period : null;
}

/** `always [madvise] never` is madvise. */
export function chosenOf(text: string | null): string | null {
  return /\[(\w+)\]/.exec(text ?? '')?.[1] ?? null;
}

function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
