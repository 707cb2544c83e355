import { createEmbeddedServer, embeddedSettings, type EmbeddedServer } from '@longhaul/embedded';
import { loadConfig } from '@longhaul/platform-config';

/**
 * A server in this process on a free port of the loopback interface, for commands that talk to one.
 *
 * @param minimumContext tokens its KV pool must at least hold; the default size otherwise.
 */
export async function startLocalServer(packageDir: string, minimumContext?: number): Promise<EmbeddedServer> {
  const pool = minimumContext === undefined ? [] : ['--kv-cache-tokens', String(minimumContext * 2)];
  // What such a command computes is measured or thrown away; the user's own server may have the directory open.
  const argv = ['--model', packageDir, '--port', '0', '--log-level', 'warn', '--kv-store', 'off', ...pool];
  return createEmbeddedServer(loadConfig(embeddedSettings, { argv, env: {} }));
}
