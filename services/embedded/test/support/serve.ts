import { createEmbeddedServer, embeddedSettings, type EmbeddedServer } from '../../src/index.js';
import { loadConfig } from '@longhaul/platform-config';
import OpenAI from 'openai';

/** A server in this process on free loopback ports, and a client that talks to it over HTTP. */
export interface Served {
  server: EmbeddedServer;
  client: OpenAI;
  url: string;
  /** Name of the model in the API. */
  model: string;
  close(): Promise<void>;
}

/** Serves a package the way `main.ts` does, with a pool as small as the test allows and without a word in the log. */
export async function serve(
  packageDir: string,
  options: { kvTokens: number; port?: string; flags?: readonly string[] },
): Promise<Served> {
  const argv = ['--model', packageDir, '--port', options.port ?? '0', '--log-level', 'silent'];
  const pool = ['--kv-cache-tokens', String(options.kvTokens)];
  // A test that wants a store names a directory of its own.
  const flags = options.flags ?? [];
  const store = flags.includes('--kv-dir') || flags.includes('--kv-store') ? [] : ['--kv-store', 'off'];
  const config = loadConfig(embeddedSettings, { argv: [...argv, ...pool, ...store, ...flags], env: {} });
  const server = await createEmbeddedServer(config);
  return {
    server,
    client: clientOf(server.url),
    url: server.url,
    model: server.local.info.id,
    close: () => server.close(),
  };
}

/** A client that never repeats a request by itself: a test has to see every answer. */
export function clientOf(url: string): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0, timeout: 120_000 });
}
