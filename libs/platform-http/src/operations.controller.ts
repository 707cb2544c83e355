import { Controller, Get, Header, Inject } from '@nestjs/common';
import type { Telemetry } from '@longhaul/platform-otel';
import { TELEMETRY } from './telemetry-token.js';

/** What scrapers ask a service; health has a controller of its own. None of it depends on how busy the service is. */
@Controller()
export class OperationsController {
  constructor(@Inject(TELEMETRY) private readonly telemetry: Telemetry) {}

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.telemetry.metricsText();
  }
}
