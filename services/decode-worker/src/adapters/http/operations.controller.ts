import { Controller, Get, Header, Inject, Res } from '@nestjs/common';
import type { InferenceBackend } from '@longhaul/inference';
import type { Telemetry } from '@longhaul/platform-otel';
import type { FastifyReply } from 'fastify';
import { BACKEND, TELEMETRY } from '../../tokens.js';

/** What orchestrators and scrapers ask a worker. */
@Controller()
export class OperationsController {
  constructor(
    @Inject(BACKEND) private readonly backend: InferenceBackend,
    @Inject(TELEMETRY) private readonly telemetry: Telemetry,
  ) {}

  @Get('live')
  live() {
    return { status: 'live' };
  }

  @Get(['health', 'ready'])
  ready(@Res() reply: FastifyReply): void {
    const { ready } = this.backend.load();
    void reply.status(ready ? 200 : 503).send({ status: ready ? 'ready' : 'not ready' });
  }

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.telemetry.metricsText();
  }
}
