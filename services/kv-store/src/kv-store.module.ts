import { Module, type DynamicModule } from '@nestjs/common';
import { HealthController, HealthModel } from '@longhaul/platform-health';
import type { Telemetry } from '@longhaul/platform-otel';
import { OperationsController } from './adapters/http/operations.controller.js';
import { TELEMETRY } from './tokens.js';

/** The HTTP side of the store as a Nest module: health and metrics. */
@Module({})
export class KvStoreModule {
  static forRoot(health: HealthModel, telemetry: Telemetry): DynamicModule {
    return {
      module: KvStoreModule,
      controllers: [OperationsController, HealthController],
      providers: [
        { provide: HealthModel, useValue: health },
        { provide: TELEMETRY, useValue: telemetry },
      ],
    };
  }
}
