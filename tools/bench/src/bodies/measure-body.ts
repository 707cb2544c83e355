import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { ServerProcess } from '@longhaul/testing';
import type { BodyCase } from './cases.js';

/** What one body did to a server. */
export interface BodyResult {
  status: number;
  /** Time of the whole answer. */
  totalMs: number;
  worstHealthMs: number;
  peakRssBytes: number;
  answerBytes: number;
}

const RSS_POLL_MS = 50;

/** Asks a server for its health, in a process of its own. */
export class HealthPoller {
  readonly #child: ChildProcess;

  constructor(url: string) {
    this.#child = fork(new URL('./health-poller.js', import.meta.url), [url]);
  }

  /** Longest answer since the last call. */
  async worstMs(): Promise<number> {
    const answer = once(this.#child, 'message');
    this.#child.send('worst');
    const [worst] = (await answer) as [number];
    return worst;
  }

  close(): void {
    this.#child.disconnect();
  }
}

/** Sends one body and reads the whole answer, as fast as it comes. */
export async function measureBody(one: BodyCase, server: ServerProcess, poller: HealthPoller): Promise<BodyResult> {
  const body = one.body();
  let peakRssBytes = 0;
  const timer = setInterval(() => {
    void server.residentBytes().then((bytes) => (peakRssBytes = Math.max(peakRssBytes, bytes ?? 0)));
  }, RSS_POLL_MS);
  await poller.worstMs();
  const startMs = performance.now();
  const { status, answerBytes } = await send(`${server.url}${one.path}`, body);
  const totalMs = performance.now() - startMs;
  const worstHealthMs = await poller.worstMs();
  clearInterval(timer);
  return { status, totalMs, worstHealthMs, peakRssBytes, answerBytes };
}

async function send(url: string, body: string): Promise<{ status: number; answerBytes: number }> {
  const answer = await fetch(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body });
  let answerBytes = 0;
  for await (const chunk of answer.body ?? []) answerBytes += (chunk as Uint8Array).length;
  return { status: answer.status, answerBytes };
}
