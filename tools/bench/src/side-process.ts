import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { type BenchCase, type Measured } from './cases.js';
import { type ColdPrompt, type ColdPromptTimes, type PairedPrompt } from './cold-prompt.js';
import { type SideOptions, type WorkerReply, type WorkerRequest } from './worker-messages.js';

const WORKER = fileURLToPath(new URL('./side-worker.js', import.meta.url));

/** An engine in a child process; one request at a time. */
export class SideProcess {
  readonly #child: ChildProcess;
  private constructor(
    child: ChildProcess,
    /** Bytes of the KV pool, where the side has one of a fixed size. */
    readonly kvBytes: number | null,
  ) {
    this.#child = child;
  }

  static async start(options: SideOptions): Promise<SideProcess> {
    const child = fork(WORKER, [JSON.stringify(options)], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    const reply = await nextReply(child);
    if (reply.kind !== 'ready') throw new Error('a bench worker answered before it was ready');
    return new SideProcess(child, reply.kvBytes);
  }

  /** Whether it can be asked anything more. */
  get isRunning(): boolean {
    return this.#child.exitCode === null && !this.#child.killed && this.#child.connected;
  }

  async measure(benchCase: BenchCase): Promise<Measured> {
    this.#tell({ kind: 'measure', benchCase });
    const reply = await nextReply(this.#child);
    if (reply.kind !== 'measured') throw new Error(`a bench worker answered ${reply.kind}`);
    return reply.measured;
  }

  async read(prompt: ColdPrompt): Promise<ColdPromptTimes> {
    this.#tell({ kind: 'read', prompt });
    const reply = await nextReply(this.#child);
    if (reply.kind !== 'read') throw new Error(`a bench worker answered ${reply.kind}`);
    return reply.times;
  }

  async readPaired(prompt: PairedPrompt): Promise<readonly Measured[]> {
    this.#tell({ kind: 'read-paired', prompt });
    const reply = await nextReply(this.#child);
    if (reply.kind !== 'read-paired') throw new Error(`a bench worker answered ${reply.kind}`);
    return reply.variants;
  }

  async stop(): Promise<void> {
    if (!this.isRunning) return;
    const ended = once(this.#child, 'exit');
    this.#tell({ kind: 'stop' });
    await ended;
  }

  #tell(request: WorkerRequest): void {
    this.#child.send(request);
  }
}

async function nextReply(child: ChildProcess): Promise<WorkerReply> {
  const done = new AbortController();
  try {
    return await Promise.race([replyOf(child, done.signal), endOf(child, done.signal)]);
  } finally {
    done.abort();
  }
}

async function replyOf(child: ChildProcess, signal: AbortSignal): Promise<WorkerReply> {
  const [reply] = (await once(child, 'message', { signal }).catch(ignoreAbort)) as [WorkerReply];
  if (reply.kind === 'failed') {
    child.kill();
    throw new Error(reply.message);
  }
  return reply;
}

async function endOf(child: ChildProcess, signal: AbortSignal): Promise<never> {
  const [code, name] = (await once(child, 'exit', { signal }).catch(ignoreAbort)) as [number | null, string | null];
  throw new Error(`a bench worker ended with ${name ?? `code ${code}`}`);
}

/** The loser of the race is aborted: nobody waits for it any more. */
function ignoreAbort(error: unknown): Promise<never> {
  if (error instanceof Error && error.name === 'AbortError') return new Promise(() => undefined);
  throw error;
}
