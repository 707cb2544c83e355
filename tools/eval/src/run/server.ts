import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { startServerProcess, type ServerProcess } from '@longhaul/testing';
import OpenAI from 'openai';
import type { Asked } from './answer.js';

/** Room beside the longest prompt, so that a preflight never waits for pages. */
const SPARE_TOKENS = 1024;
const HOUR_MS = 3_600_000;

export interface ServerOptions {
  /** Directory of the model package. */
  readonly packageDir: string;
  readonly kv: string;
  readonly longestTokens: number;
  /** Further flags of the server. */
  readonly flags: readonly string[];
}

/** A server of one KV type as a process of its own, and a client of it. */
export interface EvalServer extends Asked {
  stop(): Promise<void>;
}

/** @throws Error with what the server said when it did not become ready. */
export async function startEvalServer(options: ServerOptions): Promise<EvalServer> {
  const folder = dirname(createRequire(import.meta.url).resolve('@longhaul/embedded/package.json'));
  const tokens = String(options.longestTokens + SPARE_TOKENS);
  const served = await startServerProcess({
    program: [join(folder, 'dist', 'main.js')],
    flags: [
      ...['--model', options.packageDir, '--port', '0', '--log-level', 'error', '--kv-store', 'off'],
      ...['--kv-cache-dtype', options.kv, '--kv-cache-tokens', tokens, ...options.flags],
    ],
  });
  return connect(served);
}

async function connect(served: ServerProcess): Promise<EvalServer> {
  const client = new OpenAI({ baseURL: `${served.url}/v1`, apiKey: 'none', timeout: HOUR_MS, maxRetries: 0 });
  const models = await client.models.list();
  return { client, model: models.data[0]?.id ?? '', stop: () => served.stop() };
}
