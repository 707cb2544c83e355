import { ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { endedWithin, listenFailed } from '@longhaul/kernel';
import type { HealthModel } from '@longhaul/platform-health';
import { HealthImplementation } from 'grpc-health-check';
import { bounded } from './bounded-reader.js';
import { gateInterceptor, type CallGate } from './call-gate.js';
import { CallTracker } from './call-tracker.js';
import { connectionOptions, type ConnectionTimes } from './connection-options.js';
import { addReflection } from './reflection.js';
import { WholeServer } from './whole-server.js';

export interface GrpcHostOptions {
  /** Largest message accepted, in bytes. Larger ones end with RESOURCE_EXHAUSTED before they are decoded. */
  maxMessageBytes: number;
  /**
   * Most open connections; one more gets GOAWAY (ENHANCE_YOUR_CALM) and is closed. Those without calls and those that
   * answer no ping are ended after a while, and the calls of each are bounded. Unset: none of it.
   */
  maxConnections?: number;
  /** With `maxConnections`: when connections are ended; unset is `CONNECTION_TIMES`. */
  connectionTimes?: ConnectionTimes;
  /** HTTP/2 flow-control window in bytes; unset is the library's default, right for token streams. */
  flowControlWindowBytes?: number;
  /** What every call passes first; without it calls are neither authorized nor reported. */
  gate?: CallGate;
  /** What gRPC health tells; without it the owner calls `setServing`. */
  health?: HealthModel;
  /** TLS or mutual TLS; without it the host listens in plain text. */
  credentials?: ServerCredentials;
}

/** How long calls that were ended at the drain timeout get to send their last word. */
const LAST_WORD_MS = 1000;
/** How long connections may stay open when only health watchers and reflection use them. */
const IDLE_CLOSE_MS = 100;

/**
 * A gRPC server with health (`grpc.health.v1`) and reflection. It hands out raw calls, because the framework's own
 * transport queues without bound when a client is slow.
 */
export class GrpcHost {
  readonly #options: GrpcHostOptions;
  readonly #server: WholeServer;
  readonly #health = new HealthImplementation({
    '': 'NOT_SERVING',
    liveness: 'SERVING',
    readiness: 'NOT_SERVING',
  });
  readonly #services: string[] = [];
  readonly #calls = new CallTracker();
  readonly #unfollow: () => void;

  constructor(options: GrpcHostOptions) {
    this.#options = options;
    this.#server = new WholeServer({
      interceptors: [gateInterceptor(options.gate ?? {}, (method) => this.#server.methods.has(method))],
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      ...(options.flowControlWindowBytes ? { 'grpc-node.flow_control_window': options.flowControlWindowBytes } : {}),
      ...(options.maxConnections === undefined ? {} : connectionOptions(options.connectionTimes)),
    });
    this.#server.maxConnections = options.maxConnections ?? Infinity;
    this.#health.addToServer(this.#server);
    addReflection(this.#server, () => this.#services);
    this.#unfollow =
      options.health?.follow(({ live, ready }) => {
        this.#health.setStatus('liveness', live ? 'SERVING' : 'NOT_SERVING');
        this.setServing(ready);
      }) ?? (() => undefined);
  }

  /** Full names of all methods that are served, those of health and reflection included. */
  get methods(): readonly string[] {
    return [...this.#server.methods];
  }

  /** Open connections. */
  get connections(): number {
    return this.#server.connections;
  }

  /** Calls of our own services in flight. */
  get runningCalls(): number {
    return this.#calls.size;
  }

  /** Adds a service under its full name, as health and reflection spell it. */
  addService(name: string, definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.#server.addService(withBoundedRequests(definition), this.#calls.track(implementation));
    this.#services.push(name);
    const ready = this.#options.health?.report().ready === true;
    this.#health.setStatus(name, ready ? 'SERVING' : 'NOT_SERVING');
  }

  /**
   * Listens and returns the port.
   *
   * @throws AppError `ADDRESS_IN_USE` or `LISTEN_FAILED`.
   */
  listen(host: string, port: number): Promise<number> {
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      const credentials = this.#options.credentials ?? ServerCredentials.createInsecure();
      this.#server.bindAsync(target, credentials, (error, bound) => {
        if (error) reject(listenFailed({ host, port, what: 'gRPC', flag: '--grpc-port' }, error));
        else resolve(bound);
      });
    });
  }

  /** Tells health checks whether requests are welcome. */
  setServing(serving: boolean): void {
    const status = serving ? 'SERVING' : 'NOT_SERVING';
    for (const name of ['', 'readiness', ...this.#services]) this.#health.setStatus(name, status);
  }

  /**
   * Refuses new calls and waits for running ones up to `graceMs`. What runs then ends with `SHUTTING_DOWN`. Streams
   * without an end of their own are ended at once.
   */
  async close(graceMs: number): Promise<void> {
    this.#unfollow();
    this.setServing(false);
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    this.#calls.drain();
    const idle = this.#calls.whenIdle();
    await endedWithin(graceMs, closed, idle);
    this.#calls.abortAll();
    await endedWithin(LAST_WORD_MS, closed, idle);
    await endedWithin(IDLE_CLOSE_MS, closed);
    this.#server.forceShutdown();
    await closed;
  }
}

function withBoundedRequests(definition: ServiceDefinition): ServiceDefinition {
  const methods = Object.entries(definition).map(([name, method]) => [
    name,
    { ...method, requestDeserialize: bounded(method.requestDeserialize) },
  ]);
  return Object.fromEntries(methods) as ServiceDefinition;
}
