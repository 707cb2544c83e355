import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { LoadTime } from './load-worker.js';
import { median } from './report.js';

const WORKER = fileURLToPath(new URL('./load-worker.js', import.meta.url));

function loadOnce(packageDir: string, threads: number): Promise<LoadTime> {
  const child = fork(WORKER, [packageDir, String(threads)]);
  return new Promise((settle, reject) => {
    child.on('message', (time) => settle(time as LoadTime));
    child.on('error', reject);
    child.on('exit', (code) => reject(new Error(`the loading process ended with exit code ${code}`)));
  });
}

/** Medians, each of its own. */
export interface Load extends LoadTime {
  totalMs: number;
}

/** Medians over `rounds` loads of a package, each in a process of its own; the files are in the page cache. */
export async function measureLoad(
  packageDir: string,
  { threads, rounds }: { threads: number; rounds: number },
): Promise<Load> {
  await loadOnce(packageDir, threads);
  const times: LoadTime[] = [];
  for (let round = 0; round < rounds; round++) times.push(await loadOnce(packageDir, threads));
  const middle = (pick: (time: LoadTime) => number): number => median(times.map(pick));
  return {
    openMs: middle(({ openMs }) => openMs),
    graphMs: middle(({ graphMs }) => graphMs),
    sessionMs: middle(({ sessionMs }) => sessionMs),
    totalMs: middle(({ openMs, graphMs, sessionMs }) => openMs + graphMs + sessionMs),
  };
}
