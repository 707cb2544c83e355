import { readdirSync, readFileSync } from 'node:fs';
import { observe, observeTotal } from './instruments.js';

const MICROS_PER_S = 1e6;
/** Of every Linux that Node.js runs on, as /proc counts memory. */
const PAGE_BYTES = 4096;

/** Reads the process at each scrape. Where there is no /proc, what only it tells has no sample. */
export function observeProcess(): void {
  observeTotal('processCpuSeconds', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / MICROS_PER_S;
  });
  const startSeconds = Date.now() / 1000 - process.uptime();
  observe('processStartTime', () => startSeconds);
  observe('processResidentMemory', () => process.memoryUsage.rss());
  observe('processVirtualMemory', () =>
    told(() => Number(readFileSync('/proc/self/statm', 'utf8').split(' ')[0]) * PAGE_BYTES),
  );
  observe('processOpenFds', () => told(() => readdirSync('/proc/self/fd').length));
  observe('processMaxFds', () =>
    told(() => Number(/^Max open files +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1])),
  );
}

/** NaN, which is no sample, where the system does not tell. */
function told(read: () => number): number {
  try {
    return read();
  } catch {
    return Number.NaN;
  }
}
