import type { InferenceBackend } from '@longhaul/inference';
import { GrpcHost, requireBearerKey, type CallGate } from '@longhaul/platform-grpc';
import { HealthModel } from '@longhaul/platform-health';
import { openOperations } from '@longhaul/platform-http';
import { reportEnd, type EventLog, type Telemetry } from '@longhaul/platform-otel';
import { addWorkerService } from './adapters/grpc/worker.service.js';
import type { WorkerConfig } from './config.js';

export type ListenConfig = Pick<
  WorkerConfig,
  'host' | 'port' | 'grpcPort' | 'maxMessageBytes' | 'stallTimeoutMs' | 'drainTimeoutMs'
> &
  Partial<Pick<WorkerConfig, 'workerKey'>>;

/** What a worker serves. */
export interface WorkerParts {
  backend: InferenceBackend;
  telemetry: Telemetry;
  log: EventLog;
  /** Of the engine behind the backend; without it the backend's readiness is all there is to tell. */
  health?: HealthModel;
}

const HEALTH_POLL_MS = 100;

/** A worker that listens. */
export interface WorkerServer {
  grpcPort: number;
  httpPort: number;
  /** Refuses new calls, lets running ones end within the drain timeout, stops listening. The backend stays the caller's. */
  close(): Promise<void>;
}

/**
 * Serves a backend over gRPC, and health and metrics over HTTP.
 *
 * @throws AppError `ADDRESS_IN_USE` or `LISTEN_FAILED`; nothing is left listening then.
 */
export async function createWorkerServer(config: ListenConfig, parts: WorkerParts): Promise<WorkerServer> {
  const health = parts.health ?? backendHealth(parts.backend);
  const gate: CallGate = {
    authorize: (headers) => requireBearerKey(config.workerKey, headers['authorization']),
    ended: (end) => reportEnd(parts.log, { api: 'grpc', ...end }),
  };
  const host = new GrpcHost({ maxMessageBytes: config.maxMessageBytes, health, gate });
  const isReady = () => health.report().ready;
  addWorkerService(host, { ...parts, isReady, stallTimeoutMs: config.stallTimeoutMs });
  const grpcPort = await host.listen(config.host, config.grpcPort);
  const http = await openOperations(config, { ...parts, health }).catch(async (error: unknown) => {
    await host.close(0);
    throw error;
  });
  const unpoll = health.poll(HEALTH_POLL_MS);
  return {
    grpcPort,
    httpPort: http.port,
    async close() {
      unpoll();
      health.drain();
      await host.close(config.drainTimeoutMs);
      await http.close();
    },
  };
}

function backendHealth(backend: InferenceBackend): HealthModel {
  const health = new HealthModel();
  health.observe({ name: 'engine', weight: 'readiness' }, () => {
    const up = backend.load().ready;
    return { up, reason: up ? '' : 'the engine takes no requests' };
  });
  return health;
}
