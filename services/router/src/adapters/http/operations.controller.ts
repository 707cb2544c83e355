import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { Telemetry } from '@longhaul/platform-otel';
import type { FastifyReply } from 'fastify';
import { ModelDirectory } from '../../core/served-model.js';
import { TELEMETRY, VERSION } from '../../tokens.js';

/** What orchestrators and scrapers ask for. None of it depends on how busy the server is. */
@Controller()
export class OperationsController {
  constructor(
    @Inject(ModelDirectory) private readonly models: ModelDirectory,
    @Inject(TELEMETRY) private readonly telemetry: Telemetry,
    @Inject(VERSION) private readonly version: string,
  ) {}

  @Get('live')
  live() {
    return { status: 'live' };
  }

  /** Green only once a model has been loaded and warmed up, and not while draining. */
  @Get(['health', 'ready'])
  ready(@Res() reply: FastifyReply): void {
    const ready = this.models.ready();
    void reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  }

  @Get('version')
  versionInfo() {
    return { version: this.version };
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.telemetry.metricsText();
  }
}
