import { fork, type ChildProcess } from 'node:child_process';
import { AppError } from '@longhaul/kernel';
import { HEAP_MIB, START_MS } from './limits.js';
import type { FromSandbox, Job, SandboxModel, ToSandbox } from './messages.js';

/** How a job ended that the process did not answer. */
export type Ending = 'time' | 'memory' | 'start';

/** The process has been ended; what to say about it depends on the job. */
export class SandboxEnded extends Error {
  readonly ending: Ending;

  constructor(ending: Ending) {
    super(`The sandbox process has been ended: ${ending}.`);
    this.ending = ending;
  }
}

interface Running {
  id: number;
  timer: NodeJS.Timeout;
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

const FROM_SOURCES = import.meta.url.endsWith('.ts');
const ENTRY = new URL(FROM_SOURCES ? './sandbox-main.ts' : './sandbox-main.js', import.meta.url);

function nodeFlags(): string[] {
  const heap = `--max-old-space-size=${HEAP_MIB}`;
  if (!FROM_SOURCES) return [heap];
  const hooks = new URL('../test/typescript-hooks.mjs', import.meta.url);
  return [heap, '--no-warnings', '--conditions=@longhaul/source', '--import', hooks.href];
}

/** Nothing secret: only what the clock of `strftime_now` needs. */
function environment(): NodeJS.ProcessEnv {
  const { TZ } = process.env;
  return TZ === undefined ? {} : { TZ };
}

/** One process that runs one job at a time, and is ended with the job that takes too much. */
export class SandboxProcess {
  readonly #child: ChildProcess;
  readonly #onEnd: () => void;
  #ready = false;
  #ended = false;
  #nextId = 0;
  #running: Running | null = null;
  #waitingForStart: (() => void)[] = [];

  /** @param onEnd called once, when the process is gone or going */
  constructor(model: SandboxModel, onEnd: () => void) {
    this.#onEnd = onEnd;
    this.#child = fork(ENTRY, [String(process.pid)], {
      execArgv: nodeFlags(),
      env: environment(),
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('message', (message) => this.#receive(message as FromSandbox));
    this.#child.on('exit', () => this.#end(this.#ready ? 'memory' : 'start'));
    this.#child.on('error', () => this.#end('start'));
    this.#child.unref();
    this.#child.channel?.unref();
    this.#send({ kind: 'open', model });
  }

  /** Whether it can take a job now, or as soon as it has started. */
  get idle(): boolean {
    return this.#running === null && !this.#ended;
  }

  /**
   * Runs one job; only when idle.
   *
   * @throws SandboxEnded when it took too much; the AppError that the job itself raised.
   */
  run(job: Job, timeMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => this.#end('start'), START_MS);
      this.#running = { id, timer, resolve, reject };
      this.#child.channel?.ref();
      this.#whenReady(() => {
        if (this.#running?.id !== id) return;
        clearTimeout(this.#running.timer);
        this.#running.timer = setTimeout(() => this.#end('time'), timeMs);
        this.#send({ kind: 'job', id, job });
      });
    });
  }

  /** Ends the process, whatever it is doing. */
  kill(): void {
    this.#end('start');
  }

  #whenReady(next: () => void): void {
    if (this.#ready) next();
    else this.#waitingForStart.push(next);
  }

  #send(message: ToSandbox): void {
    // A process that is gone says so by its exit.
    this.#child.send(message, () => undefined);
  }

  #receive(message: FromSandbox): void {
    if (message.kind === 'ready') {
      this.#ready = true;
      for (const next of this.#waitingForStart.splice(0)) next();
      return;
    }
    const running = this.#running;
    if (running?.id !== message.id) return;
    this.#settle();
    if (message.kind === 'done') running.resolve(message.value);
    else running.reject(new AppError(withoutUndefined(message.error)));
  }

  #settle(): void {
    if (this.#running) clearTimeout(this.#running.timer);
    this.#running = null;
    this.#child.channel?.unref();
  }

  #end(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    const running = this.#running;
    this.#settle();
    this.#child.kill('SIGKILL');
    this.#onEnd();
    running?.reject(new SandboxEnded(ending));
  }
}

function withoutUndefined<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as { [K in keyof T]: Exclude<T[K], undefined> };
}
