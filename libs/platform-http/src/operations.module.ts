import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController, HealthModel } from '@longhaul/platform-health';
import type { Telemetry } from '@longhaul/platform-otel';
import { OperationsController } from './operations.controller.js';
import { TELEMETRY } from './telemetry-token.js';

/** The HTTP side of a service that has no other: health and metrics. */
@Module({})
export class OperationsModule {
  static forRoot(health: HealthModel, telemetry: Telemetry): DynamicModule {
    return {
      module: OperationsModule,
      controllers: [OperationsController, HealthController],
      providers: [
        { provide: HealthModel, useValue: health },
        { provide: TELEMETRY, useValue: telemetry },
      ],
    };
  }
}
