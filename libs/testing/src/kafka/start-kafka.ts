import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { brokerProperties, newClusterId, SUPERVISOR } from './broker-files.js';
import { ensureKafkaJars } from './jars.js';
import { freePort } from './ports.js';
import { brokerComplaint } from './probe.js';

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 100;
const JVM = ['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Djava.awt.headless=true'];

/** A real Apache Kafka broker (KRaft, one process) on 127.0.0.1, for one suite. */
export interface KafkaBroker {
  /** `127.0.0.1:port`; the same after a restart. */
  readonly address: string;
  /** Asks the broker to end (SIGTERM) and waits until it has. */
  stop(): Promise<void>;
  /** Ends the broker at once (SIGKILL): nothing is flushed, no client is told. */
  kill(): Promise<void>;
  /** Starts a stopped or killed broker on the data and the port that it had; resolves when it serves. */
  restart(): Promise<void>;
  /** Ends the broker and removes its data. */
  dispose(): Promise<void>;
}

/**
 * Fetches the broker's jars if need be, starts a broker on free ports and waits until it answers requests: 3 to 6
 * seconds, 190 MB of memory. Check `kafkaAvailable()` first.
 *
 * @throws Error with the broker's last log lines when it does not serve within a minute.
 */
export async function startKafka(): Promise<KafkaBroker> {
  const jars = await ensureKafkaJars();
  const folder = await mkdtemp(join(tmpdir(), 'longhaul-kafka-'));
  const port = await freePort();
  const broker = new BrokerProcess(folder, jars, port);
  try {
    await broker.format(await freePort());
    await broker.restart();
    return broker;
  } catch (error) {
    await broker.dispose();
    throw error;
  }
}

class BrokerProcess implements KafkaBroker {
  readonly #folder: string;
  readonly #port: number;
  readonly address: string;
  readonly #java: readonly string[];
  #supervisor: ChildProcess | undefined;
  #ended: Promise<void> = Promise.resolve();
  #pid = 0;

  constructor(folder: string, jars: string, port: number) {
    this.#folder = folder;
    this.#port = port;
    this.address = `127.0.0.1:${port}`;
    this.#java = [...JVM, '-cp', join(jars, '*')];
  }

  async format(controllerPort: number): Promise<void> {
    const properties = join(this.#folder, 'server.properties');
    await writeFile(properties, brokerProperties(this.#folder, this.#port, controllerPort));
    const words = ['kafka.tools.StorageTool', 'format', '-t', newClusterId(), '-c', properties];
    await promisify(execFile)('java', [...this.#java, ...words], { timeout: READY_TIMEOUT_MS });
  }

  async restart(): Promise<void> {
    if (this.#supervisor) throw new Error('the broker runs already');
    const command = ['java', ...this.#java, 'kafka.Kafka', join(this.#folder, 'server.properties')];
    const supervisor = spawn('sh', ['-c', SUPERVISOR, 'sh', join(this.#folder, 'broker.log'), ...command], {
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#supervisor = supervisor;
    this.#ended = new Promise((resolve) => {
      supervisor.once('exit', () => {
        this.#supervisor = undefined;
        supervisor.stdin.destroy();
        resolve();
      });
    });
    this.#pid = await firstNumber(supervisor.stdout);
    await this.#waitUntilServing();
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
  }

  async kill(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async dispose(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.#supervisor) return;
    process.kill(this.#pid, signal);
    const late = AbortSignal.timeout(STOP_TIMEOUT_MS);
    const kill = () => process.kill(this.#pid, 'SIGKILL');
    late.addEventListener('abort', kill);
    await this.#ended;
    late.removeEventListener('abort', kill);
  }

  async #waitUntilServing(): Promise<void> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    let complaint: string | undefined = 'not started';
    while (this.#supervisor && Date.now() < deadline) {
      complaint = await brokerComplaint(this.#port);
      if (complaint === undefined) return;
      await delay(POLL_MS);
    }
    const log = await readFile(join(this.#folder, 'broker.log'), 'utf8').catch(() => '');
    await this.kill();
    throw new Error(`the Kafka broker does not serve: ${complaint}\n${log.slice(-2000)}`);
  }
}

function firstNumber(stream: NodeJS.ReadableStream): Promise<number> {
  return new Promise((resolve, reject) => {
    stream.once('data', (chunk: Buffer) => resolve(Number(chunk.toString().trim())));
    stream.once('error', reject);
    stream.once('end', () => reject(new Error('the broker could not be started')));
  });
}
