import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { HealthModel } from '@longhaul/platform-health';
import type { EventLog, Telemetry } from '@longhaul/platform-otel';
import { listenHttp, type HttpAddress, type HttpDoor } from './listen-http.js';
import { OperationsModule } from './operations.module.js';

export interface OperationsParts {
  readonly health: HealthModel;
  readonly telemetry: Telemetry;
  readonly log: EventLog;
}

/** Serves health and metrics over HTTP. @throws AppError as `listenHttp`. */
export async function openOperations(address: HttpAddress, parts: OperationsParts): Promise<HttpDoor> {
  const module = OperationsModule.forRoot(parts.health, parts.telemetry);
  const options = { logger: parts.log, abortOnError: false };
  const app = await NestFactory.create<NestFastifyApplication>(module, new FastifyAdapter(), options);
  return listenHttp(app, address);
}
