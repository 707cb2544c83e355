import { Controller, Get, Inject } from '@nestjs/common';
import { VERSION } from '../../tokens.js';

/** Which version answers. It does not depend on how busy the server is. */
@Controller()
export class VersionController {
  constructor(@Inject(VERSION) private readonly version: string) {}

  @Get('version')
  versionInfo() {
    return { version: this.version };
  }
}
