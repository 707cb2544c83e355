import { Controller, Get, Header, Inject } from '@nestjs/common';
import type { Telemetry } from '@longhaul/platform-otel';
import { TELEMETRY, VERSION } from '../../tokens.js';

/** What people and scrapers ask for; health has a controller of its own. None of it depends on how busy the server is. */
@Controller()
export class OperationsController {
  constructor(
    @Inject(TELEMETRY) private readonly telemetry: Telemetry,
    @Inject(VERSION) private readonly version: string,
  ) {}

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
