import { Server, ServerCredentials, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync } from '@grpc/proto-loader';
import { ReflectionService } from '@grpc/reflection';
import { fileDescriptorSet } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { HealthImplementation, protoPath as healthProtoPath } from 'grpc-health-check';

export interface GrpcHostOptions {
  /** Largest message accepted, in bytes. Larger ones end with RESOURCE_EXHAUSTED before they are decoded. */
  maxMessageBytes: number;
  /** HTTP/2 flow-control window in bytes; unset is the library's default, right for token streams. */
  flowControlWindowBytes?: number;
}

/**
 * A gRPC server with health (`grpc.health.v1`) and reflection. It hands out raw calls, because the framework's own
 * transport queues without bound when a client is slow.
 */
export class GrpcHost {
  private readonly server: Server;
  private readonly health = new HealthImplementation({
    '': 'NOT_SERVING',
    liveness: 'SERVING',
    readiness: 'NOT_SERVING',
  });
  private readonly services: string[] = [];

  constructor(options: GrpcHostOptions) {
    this.server = new Server({
      'grpc.max_receive_message_length': options.maxMessageBytes,
      'grpc.max_send_message_length': options.maxMessageBytes,
      ...(options.flowControlWindowBytes ? { 'grpc-node.flow_control_window': options.flowControlWindowBytes } : {}),
    });
    this.health.addToServer(this.server);
    const known = {
      ...loadFileDescriptorSetFromBuffer(Buffer.from(fileDescriptorSet())),
      ...loadSync(healthProtoPath),
    };
    new ReflectionService(known).addToServer(this.server);
  }

  /** Adds a service under its full name, as health and reflection spell it. */
  addService(name: string, definition: ServiceDefinition, implementation: UntypedServiceImplementation): void {
    this.server.addService(definition, implementation);
    this.services.push(name);
    this.health.setStatus(name, 'NOT_SERVING');
  }

  /**
   * Listens without TLS and returns the port.
   *
   * @throws AppError `ADDRESS_IN_USE` or `LISTEN_FAILED`.
   */
  listen(host: string, port: number): Promise<number> {
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    return new Promise((resolve, reject) => {
      this.server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) => {
        if (error) reject(listenFailed(target, error));
        else resolve(bound);
      });
    });
  }

  /** Tells health checks whether requests are welcome. */
  setServing(serving: boolean): void {
    const status = serving ? 'SERVING' : 'NOT_SERVING';
    for (const name of ['', 'readiness', ...this.services]) this.health.setStatus(name, status);
  }

  /** Refuses new calls, waits for running ones up to `graceMs`, then ends what is left. */
  async close(graceMs: number): Promise<void> {
    this.setServing(false);
    const timer = setTimeout(() => this.server.forceShutdown(), graceMs);
    await new Promise<void>((resolve) => this.server.tryShutdown(() => resolve()));
    clearTimeout(timer);
  }
}

function listenFailed(target: string, cause: Error): AppError {
  const inUse = cause.message.includes('EADDRINUSE');
  return new AppError({
    code: inUse ? 'ALREADY_EXISTS' : 'INTERNAL',
    reason: inUse ? 'ADDRESS_IN_USE' : 'LISTEN_FAILED',
    message: inUse
      ? `The gRPC address ${target} is in use by another program; choose another with --grpc-port.`
      : `Cannot listen for gRPC at ${target}.`,
    cause,
  });
}
