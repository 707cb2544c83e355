import { Module, type DynamicModule } from '@nestjs/common';
import { randomBytes, randomUUID } from 'node:crypto';
import type { InferenceBackend } from '@longhaul/inference';
import type { EventLog, Telemetry } from '@longhaul/platform-otel';
import { GenerationResponder } from './adapters/http/generation-responder.js';
import { OpenAiController } from './adapters/http/openai.controller.js';
import { OperationsController } from './adapters/http/operations.controller.js';
import { TokenizeController } from './adapters/http/tokenize.controller.js';
import { meteredObserver } from './adapters/metrics/metered-observer.js';
import type { RouterConfig } from './config.js';
import { Admission } from './core/admission.js';
import { GenerationService } from './core/generation.js';
import type { CodecFactory, RequestObserver } from './core/ports.js';
import { ModelDirectory } from './core/served-model.js';
import { TELEMETRY, VERSION } from './tokens.js';

/** What the router does not make itself. */
export interface RouterDependencies {
  backend: InferenceBackend;
  createCodec: CodecFactory;
  telemetry: Telemetry;
  log: EventLog;
  version: string;
}

/** The router's objects, wired. */
export interface RouterParts {
  admission: Admission;
  models: ModelDirectory;
  generation: GenerationService;
  observer: RequestObserver;
}

const SEED_BYTES = 8;

/** Binds the core's ports to adapters. */
export function composeRouter(config: RouterConfig, dependencies: RouterDependencies): RouterParts {
  const observer = meteredObserver();
  const models = new ModelDirectory(dependencies.backend, dependencies.createCodec);
  const admission = new Admission({
    maxRequests: config.maxConcurrentRequests,
    maxPromptBytes: config.maxQueuedPromptBytes,
  });
  const generation = new GenerationService({
    backend: dependencies.backend,
    models,
    observer,
    nowS: () => performance.now() / 1000,
    identify: (command) => ({
      requestId: `${command.requestId}/${randomUUID()}`,
      seed: randomBytes(SEED_BYTES).readBigUInt64LE(),
    }),
  });
  return { admission, models, generation, observer };
}

/** The HTTP side of the router as a Nest module. */
@Module({})
export class RouterModule {
  static forRoot(config: RouterConfig, dependencies: RouterDependencies, parts: RouterParts): DynamicModule {
    const responder = new GenerationResponder(parts.generation, parts.observer, dependencies.log, {
      pingMs: config.ssePingMs,
      stallTimeoutMs: config.stallTimeoutMs,
    });
    return {
      module: RouterModule,
      controllers: [OpenAiController, TokenizeController, OperationsController],
      providers: [
        { provide: ModelDirectory, useValue: parts.models },
        { provide: GenerationService, useValue: parts.generation },
        { provide: GenerationResponder, useValue: responder },
        { provide: TELEMETRY, useValue: dependencies.telemetry },
        { provide: VERSION, useValue: dependencies.version },
      ],
    };
  }
}
