import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gatewayBinary } from './gateway-binary.js';

const READY_MS = 20_000;
const STOP_MS = 5_000;

/** A real S3 server on the loopback interface. Its objects are files: `<dataDir>/<bucket>/<object key>`. */
export interface S3Server {
  readonly endpoint: string;
  readonly region: string;
  readonly bucket: string;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly dataDir: string;
  /** SIGTERM, waits until it is gone; what was stored stays. */
  halt(): Promise<void>;
  /** SIGKILL, waits until it is gone; what was stored stays. */
  kill(): Promise<void>;
  /** Starts it again at the same address over the same data. */
  restart(): Promise<void>;
  /** Stops the process where it is, and waits until it stands: connections are accepted by the system, nobody answers. */
  freeze(): Promise<void>;
  thaw(): void;
  /** Ends it and deletes its data. */
  close(): Promise<void>;
}

/**
 * Starts an S3 server over an empty temporary directory with one bucket.
 *
 * @throws Error with the server's last words when it does not answer within 20 s.
 */
export async function startS3(options: { readonly bucket?: string } = {}): Promise<S3Server> {
  const bucket = options.bucket ?? 'longhaul-kv';
  const binary = await gatewayBinary();
  const root = mkdtempSync(join(tmpdir(), 'longhaul-s3-'));
  const dataDir = join(root, 'data');
  const gateway = new GatewayProcess(binary, root, await freePort());
  mkdirSync(join(dataDir, bucket), { recursive: true });
  mkdirSync(join(root, 'meta'));
  await gateway.start();
  return {
    endpoint: gateway.endpoint,
    region: 'us-east-1',
    bucket,
    accessKeyId: ACCESS_KEY,
    secretAccessKey: SECRET_KEY,
    dataDir,
    halt: () => gateway.end('SIGTERM'),
    kill: () => gateway.end('SIGKILL'),
    restart: () => gateway.start(),
    freeze: () => gateway.freeze(),
    thaw: () => gateway.signal('SIGCONT'),
    async close() {
      await gateway.end('SIGKILL');
      rmSync(root, { recursive: true, force: true });
    },
  };
}

const ACCESS_KEY = 'longhaul-test';
const SECRET_KEY = 'longhaul-test-secret';

class GatewayProcess {
  readonly endpoint: string;
  readonly #binary: string;
  readonly #root: string;
  readonly #port: number;
  readonly #words: string[] = [];
  #child: ChildProcess | null = null;

  constructor(binary: string, root: string, port: number) {
    this.#binary = binary;
    this.#root = root;
    this.#port = port;
    this.endpoint = `http://127.0.0.1:${port}`;
  }

  async start(): Promise<void> {
    if (this.#child) throw new Error('The S3 server runs already.');
    // Attributes in files beside the data: not every temporary file system has extended attributes.
    const backend = ['posix', '--sidecar', join(this.#root, 'meta'), join(this.#root, 'data')];
    const child = spawn(this.#binary, ['--quiet', '--keep-alive', '--port', `127.0.0.1:${this.#port}`, ...backend], {
      env: { ...process.env, ROOT_ACCESS_KEY: ACCESS_KEY, ROOT_SECRET_KEY: SECRET_KEY },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#words.push(text);
        if (this.#words.length > 50) this.#words.shift();
      });
    }
    child.on('error', () => undefined);
    // A test run that dies must not leave its server behind.
    const reap = () => child.kill('SIGKILL');
    process.once('exit', reap);
    child.once('close', () => {
      process.removeListener('exit', reap);
      if (this.#child === child) this.#child = null;
    });
    await this.#untilReady(child);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** The signal alone is not enough: on a busy machine the threads answer a few more requests before they notice it. */
  async freeze(): Promise<void> {
    const child = this.#child;
    if (!child?.pid) throw new Error('The S3 server does not run.');
    child.kill('SIGSTOP');
    const deadline = Date.now() + STOP_MS;
    while (!stands(child.pid)) {
      if (Date.now() > deadline) throw new Error(`The S3 server did not stand still within ${STOP_MS} ms.`);
      await sleep(5);
    }
  }

  async end(name: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (!child) return;
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    child.kill(name);
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await closed;
    clearTimeout(late);
  }

  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = Date.now() + READY_MS;
    while (Date.now() < deadline && this.#child === child) {
      const answered = await fetch(this.endpoint, { signal: AbortSignal.timeout(1_000) }).then(
        () => true,
        () => false,
      );
      if (answered) return;
      await sleep(20);
    }
    await this.end('SIGKILL');
    throw new Error(`The S3 server did not start: ${this.#words.join('').trim()}`);
  }
}

/** Whether every thread of the process is stopped, as Linux tells it. */
function stands(pid: number): boolean {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.every((thread) => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')));
  } catch {
    // A thread that ended while we looked.
    return false;
  }
}

/** A port that was free a moment ago. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
