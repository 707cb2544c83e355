import { Module, type DynamicModule } from '@nestjs/common';
import type { InferenceBackend } from '@longhaul/inference';
import type { Telemetry } from '@longhaul/platform-otel';
import { OperationsController } from './adapters/http/operations.controller.js';
import { BACKEND, TELEMETRY } from './tokens.js';

/** The HTTP side of the worker as a Nest module: health and metrics. */
@Module({})
export class DecodeWorkerModule {
  static forRoot(backend: InferenceBackend, telemetry: Telemetry): DynamicModule {
    return {
      module: DecodeWorkerModule,
      controllers: [OperationsController],
      providers: [
        { provide: BACKEND, useValue: backend },
        { provide: TELEMETRY, useValue: telemetry },
      ],
    };
  }
}
