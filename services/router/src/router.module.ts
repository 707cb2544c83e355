import { Module, type DynamicModule } from '@nestjs/common';
import { randomBytes, randomUUID } from 'node:crypto';
import type { InferenceBackend } from '@longhaul/inference';
import { HealthController, HealthModel } from '@longhaul/platform-health';
import { OperationsController, TELEMETRY } from '@longhaul/platform-http';
import { reportEnd, type EventLog, type Telemetry } from '@longhaul/platform-otel';
import { GenerationResponder } from './adapters/http/generation-responder.js';
import { OpenAiController } from './adapters/http/openai.controller.js';
import { TokenizeController } from './adapters/http/tokenize.controller.js';
import { VersionController } from './adapters/http/version.controller.js';
import { RequestLedger } from './adapters/http/request-ledger.js';
import { meteredObserver } from './adapters/metrics/metered-observer.js';
import type { OpenTenants } from './adapters/tenants/open-tenants.js';
import { attentionRules, type RouterConfig } from './config.js';
import { Admission } from './core/admission.js';
import { Arrivals } from './core/arrivals.js';
import { GenerationService } from './core/generation.js';
import type { CodecFactory, RequestObserver } from './core/ports.js';
import { ModelDirectory } from './core/served-model.js';
import type { TenantDirectory } from './core/tenants/tenant.js';
import { VERSION } from './tokens.js';

/** What the router does not make itself. */
export interface RouterDependencies {
  backend: InferenceBackend;
  createCodec: CodecFactory;
  telemetry: Telemetry;
  log: EventLog;
  version: string;
  /** Shared with whatever else runs in this process; a router alone makes its own. */
  health?: HealthModel;
  /** Who may ask; see `openTenants`. */
  tenants: OpenTenants;
}

/** The router's objects, wired. */
export interface RouterParts {
  tenants: TenantDirectory;
  admission: Admission;
  arrivals: Arrivals;
  ledger: RequestLedger;
  models: ModelDirectory;
  generation: GenerationService;
  observer: RequestObserver;
  health: HealthModel;
  /** Aborted when running requests have used up their grace time. */
  shutdown: AbortController;
}

const SEED_BYTES = 8;

/** Binds the core's ports to adapters. */
export function composeRouter(config: RouterConfig, dependencies: RouterDependencies): RouterParts {
  const observer = meteredObserver();
  const models = new ModelDirectory(dependencies.backend, dependencies.createCodec, {
    samplingDefaults: config.samplingDefaults,
    attention: attentionRules(config),
    tenants: dependencies.tenants.tenants,
  });
  const admission = new Admission({
    maxRequests: config.maxConcurrentRequests,
    maxPromptBytes: config.maxQueuedPromptBytes,
  });
  const arrivals = new Arrivals({
    maxRequests: config.maxArrivingRequests,
    maxRequestsPerClient: config.maxArrivingRequestsPerClient,
    maxBytes: config.maxArrivingBytes,
  });
  const ledger = new RequestLedger(({ route, status, ...end }) =>
    reportEnd(dependencies.log, { ...end, api: 'http', method: route, status: String(status) }),
  );
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
  const health = dependencies.health ?? new HealthModel();
  health.observe({ name: 'model', weight: 'readiness', dependency: true }, () => {
    const up = models.available();
    return { up, reason: up ? '' : 'no model is served: it is being loaded, or its worker is not reachable' };
  });
  const { directory: tenants } = dependencies.tenants;
  const shutdown = new AbortController();
  return { tenants, admission, arrivals, ledger, models, generation, observer, health, shutdown };
}

/** The HTTP side of the router as a Nest module. */
@Module({})
export class RouterModule {
  static forRoot(config: RouterConfig, dependencies: RouterDependencies, parts: RouterParts): DynamicModule {
    const responder = new GenerationResponder(parts.generation, parts.observer, dependencies.log, {
      pingMs: config.ssePingMs,
      stallTimeoutMs: config.stallTimeoutMs,
      requestTimeoutMs: config.requestTimeoutMs,
      shutdown: parts.shutdown.signal,
    });
    return {
      module: RouterModule,
      controllers: [OpenAiController, TokenizeController, VersionController, OperationsController, HealthController],
      providers: [
        { provide: ModelDirectory, useValue: parts.models },
        { provide: HealthModel, useValue: parts.health },
        { provide: GenerationService, useValue: parts.generation },
        { provide: GenerationResponder, useValue: responder },
        { provide: TELEMETRY, useValue: dependencies.telemetry },
        { provide: VERSION, useValue: dependencies.version },
      ],
    };
  }
}
