import { createKvStoreServer, kvStoreSettings, openLocalStore } from '@longhaul/kv-store';
import { loadConfig } from '@longhaul/platform-config';
import { HealthModel } from '@longhaul/platform-health';
import { EventLog, startTelemetry } from '@longhaul/platform-otel';

export interface KvService {
  /** Of its gRPC API. */
  readonly address: string;
  close(): Promise<void>;
}

/** A kv-store service in this process on free loopback ports, without a word in the log. */
export async function startKvService(...flags: string[]): Promise<KvService> {
  const ports = ['--grpc-port', '0', '--data-port', '0', '--port', '0', '--log-level', 'silent'];
  const config = loadConfig(kvStoreSettings, { argv: [...flags, ...ports], env: {} });
  const [log, health] = [new EventLog('kv-store', 'silent'), new HealthModel()];
  const telemetry = startTelemetry({ serviceName: 'longhaul-kv-store' });
  const local = await openLocalStore(config, { log, owner: 'test', health });
  const server = await createKvStoreServer(config, { ...local, telemetry, log, health });
  return {
    address: `127.0.0.1:${server.grpcPort}`,
    close: async () => {
      await server.close();
      await local.close();
      await telemetry.shutdown();
    },
  };
}
