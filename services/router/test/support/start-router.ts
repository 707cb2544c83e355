import { loadConfig, type Settings } from '@longhaul/platform-config';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';
import {
  createRouterServer,
  edgeSettings,
  openTenants,
  type RouterConfig,
  type RouterServer,
} from '../../src/index.js';
import { createByteCodec, type ByteCodec } from './byte-codec.js';
import { ScriptedBackend } from '@longhaul/testing';

export interface RunningRouter {
  server: RouterServer;
  backend: ScriptedBackend;
  codec: ByteCodec;
  /** What a scrape would show, without a request of its own. */
  metrics(): Promise<string>;
}

/**
 * A router on free ports over a scripted backend, ready for requests.
 *
 * @throws AppError where the configuration, or what the backend serves, does not let it start; nothing is left open then.
 */
export async function startRouter(
  overrides: Partial<RouterConfig> = {},
  log?: EventLog,
  backend = new ScriptedBackend(),
): Promise<RunningRouter> {
  const codec = createByteCodec();
  const defaults = loadConfig<typeof edgeSettings & Settings>(edgeSettings, {
    argv: ['--port', '0', '--log-level', 'silent'],
    env: {},
  });
  const config: RouterConfig = { ...defaults, grpcPort: 0, drainTimeoutMs: 500, ...overrides };
  const telemetry = startTelemetry({ serviceName: 'router-test', env: {} });
  const server = await createRouterServer(config, {
    backend,
    createCodec: () => codec,
    telemetry,
    log: log ?? new EventLog('router', config.logLevel),
    version: '0.0.0',
    tenants: openTenants(config),
  });
  await server.whenReady().catch(async (error: unknown) => {
    await server.close();
    throw error;
  });
  return { server, backend, codec, metrics: () => telemetry.metricsText() };
}
