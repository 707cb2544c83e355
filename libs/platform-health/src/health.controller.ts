import { Controller, Get, Inject, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { livenessBody, readinessBody } from './health-body.js';
import { HealthModel } from './health-model.js';

/**
 * `/live`, `/health` and `/ready` of a service; its module provides the HealthModel. 503 says no, and the body says
 * which check and since when. None of it waits for anything.
 */
@Controller()
export class HealthController {
  constructor(@Inject(HealthModel) private readonly health: HealthModel) {}

  @Get(['live', 'liveness'])
  live(@Res() reply: FastifyReply): void {
    const report = this.health.report();
    void reply.status(report.live ? 200 : 503).send(livenessBody(report));
  }

  @Get(['health', 'ready', 'readiness'])
  ready(@Res() reply: FastifyReply): void {
    const report = this.health.report();
    void reply.status(report.ready ? 200 : 503).send(readinessBody(report));
  }
}
