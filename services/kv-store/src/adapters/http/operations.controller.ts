import { Controller, Get, Header, Inject } from '@nestjs/common';
import type { Telemetry } from '@longhaul/platform-otel';
import { TELEMETRY } from '../../tokens.js';

/** What scrapers ask the store; health has a controller of its own. */
@Controller()
export class OperationsController {
  constructor(@Inject(TELEMETRY) private readonly telemetry: Telemetry) {}

  @Get('metrics')
  @Header('content-type', 'text/plain; version=0.0.4; charset=utf-8')
  metrics(): Promise<string> {
    return this.telemetry.metricsText();
  }
}
