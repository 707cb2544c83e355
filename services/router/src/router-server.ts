import 'reflect-metadata';
import { boundConnections } from './adapters/http/bound-connections.js';
import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { pause } from '@longhaul/kernel';
import { GrpcHost, shuttingDown } from '@longhaul/platform-grpc';
import { listenHttp } from '@longhaul/platform-http';
import { declareSeries, observe, observeEventLoop } from '@longhaul/platform-otel';
import { sandboxLoad } from '@longhaul/text-sandbox';
import { createGate } from './adapters/grpc/gate.js';
import { addInferenceService } from './adapters/grpc/inference.service.js';
import { createHttpAdapter } from './adapters/http/edge.js';
import { corsOptions } from './adapters/http/cors.js';
import { ErrorFilter } from './adapters/http/error.filter.js';
import { tellUnenforced } from './adapters/tenants/tell-unenforced.js';
import { ModelWatcher } from './adapters/worker/model-watcher.js';
import type { ModelDirectory } from './core/served-model.js';
import type { RouterConfig } from './config.js';
import { composeRouter, RouterModule, type RouterDependencies, type RouterParts } from './router.module.js';

/** A router that listens. */
export interface RouterServer {
  /** `http://host:port` */
  url: string;
  httpPort: number;
  /** Null where gRPC is off. */
  grpcPort: number | null;
  /** Resolves to true when a model is served, to false when the server was closed before. */
  whenReady(): Promise<boolean>;
  /** What admission holds now. */
  held(): { requests: number; promptBytes: number };
  /** What is on its way to it now. */
  arriving(): { requests: number; bytes: number };
  /** Refuses new requests, lets running ones end within the drain timeout, stops listening. */
  close(): Promise<void>;
}

/** How much of a refused body is read and thrown away, in sizes of the largest body. */
const DRAIN_SHARE = 2;
const HELD_POLL_MS = 20;
const HEALTH_POLL_MS = 100;
/** How long requests that were ended at the drain timeout get to hear so. */
const LAST_WORD_MS = 1000;

/**
 * Starts the router: HTTP, and gRPC where a port is configured.
 *
 * @throws AppError `ADDRESS_IN_USE` or `LISTEN_FAILED`; nothing is left listening then.
 */
export async function createRouterServer(
  config: RouterConfig,
  dependencies: RouterDependencies,
): Promise<RouterServer> {
  const parts = composeRouter(config, dependencies);
  const app = await createApp(config, dependencies, parts);
  const grpc = config.grpcPort === undefined ? null : createGrpc(config, dependencies, parts);
  const grpcPort = grpc ? await grpc.listen(config.host, config.grpcPort ?? 0) : null;
  const connections = boundConnections(app.getHttpServer(), config.maxConnections, parts.ledger);
  const door = await listenHttp(app, config).catch(async (error: unknown) => {
    await grpc?.close(0);
    throw error;
  });
  declareSeries('router');
  tellUnenforced(dependencies.tenants.tenants, dependencies.log);
  const unobserve = [
    ...observeGauges(parts),
    observe('openConnections', connections, { api: 'http' }),
    ...(grpc ? [observe('openConnections', () => grpc.connections, { api: 'grpc' })] : []),
  ];
  const watcher = new ModelWatcher(parts.models, dependencies.log, (ready) => {
    if (ready) showSeries(parts.models);
    parts.health.refresh();
  });
  const unpoll = parts.health.poll(HEALTH_POLL_MS);
  const httpPort = door.port;
  return {
    url: `http://${config.host.includes(':') ? `[${config.host}]` : config.host}:${httpPort}`,
    httpPort,
    grpcPort,
    whenReady: () => watcher.whenReady(),
    held: () => parts.admission.snapshot(),
    arriving: () => parts.arrivals.snapshot(),
    async close() {
      unpoll();
      parts.models.drain();
      parts.health.drain();
      await watcher.close();
      const graceEnd = performance.now() + config.drainTimeoutMs;
      const grpcClosed = grpc?.close(config.drainTimeoutMs);
      const idleBy = async (endMs: number) => {
        while (parts.admission.snapshot().requests > 0 && performance.now() < endMs) await pause(HELD_POLL_MS);
      };
      await idleBy(graceEnd);
      parts.shutdown.abort(shuttingDown());
      await idleBy(performance.now() + LAST_WORD_MS);
      await Promise.all([door.close(), grpcClosed]);
      parts.models.close();
      for (const stop of unobserve) stop();
    },
  };
}

async function createApp(
  config: RouterConfig,
  dependencies: RouterDependencies,
  parts: RouterParts,
): Promise<NestFastifyApplication> {
  const adapter = createHttpAdapter(config, parts);
  const module = RouterModule.forRoot(config, dependencies, parts);
  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    bodyParser: false,
    logger: dependencies.log,
    abortOnError: false,
  });
  if (config.corsOrigins) app.enableCors(corsOptions(config.corsOrigins));
  const drain = { maxBytes: DRAIN_SHARE * config.maxBodyBytes, idleMs: config.bodyIdleTimeoutMs };
  app.useGlobalFilters(new ErrorFilter(dependencies.log, drain));
  return app;
}

function createGrpc(config: RouterConfig, dependencies: RouterDependencies, parts: RouterParts): GrpcHost {
  const gate = createGate(config, parts, dependencies.log);
  const { maxBodyBytes: maxMessageBytes, maxConnections } = config;
  const host = new GrpcHost({ maxMessageBytes, maxConnections, health: parts.health, gate });
  const { stallTimeoutMs, requestTimeoutMs } = config;
  addInferenceService(host, { ...parts, log: dependencies.log, stallTimeoutMs, requestTimeoutMs });
  return host;
}

/** Metrics by model are there before the first request. */
function showSeries(models: ModelDirectory): void {
  const model = models.ready() ? models.require().info.id : undefined;
  if (model !== undefined) declareSeries('router', { model_name: model });
}

function observeGauges({ admission, arrivals, models }: RouterParts): (() => void)[] {
  return [
    observe('admittedRequests', () => admission.snapshot().requests),
    observe('admittedPromptBytes', () => admission.snapshot().promptBytes),
    observe('arrivingRequests', () => arrivals.snapshot().requests),
    observe('arrivingBytes', () => arrivals.snapshot().bytes),
    observe('workerReady', () => (models.ready() ? 1 : 0)),
    observe('templateJobsRunning', () => sandboxLoad().running),
    observe('templateJobsQueued', () => sandboxLoad().queued),
    observeEventLoop(),
  ];
}
