import OpenAI from 'openai';
import { AppError } from '@longhaul/kernel';
import type { Flags } from './flags.js';
import { DEFAULT_MODEL, prepareWithProgress, weightScheme } from './model-source.js';
import { startLocalServer } from './local-server.js';

export interface Connection {
  client: OpenAI;
  /** Id of the served model. */
  model: string;
  url: string;
}

/**
 * Runs `use` with a client: of the server at `--url`, or of one that is started in this process for `--model` and
 * stopped afterwards.
 *
 * @param minimumContext tokens that a server started here must be able to hold.
 */
export async function withClient(
  flags: Flags,
  use: (connection: Connection) => Promise<void>,
  minimumContext?: number,
): Promise<void> {
  const url = flags.values['url'];
  if (url) return use(await connect(url));
  const { dir } = await prepareWithProgress(
    flags.values['model'] ?? DEFAULT_MODEL,
    weightScheme(flags.values['weights']),
  );
  const server = await startLocalServer(dir, minimumContext);
  try {
    await use(await connect(server.url));
  } finally {
    await server.close();
  }
}

async function connect(url: string): Promise<Connection> {
  const base = url.replace(/\/+$/, '');
  const client = new OpenAI({
    baseURL: `${base}/v1`,
    apiKey: process.env['LONGHAUL_API_KEY'] ?? 'none',
    // A long prompt takes minutes before its first token.
    timeout: 3_600_000,
    maxRetries: 0,
  });
  try {
    const { data } = await client.models.list();
    const model = data[0]?.id;
    if (model) return { client, model, url: base };
  } catch (cause) {
    throw new AppError({
      code: 'UNAVAILABLE',
      reason: 'SERVER_UNREACHABLE',
      message: `No server answers at ${base}.`,
      cause,
    });
  }
  throw new AppError({ code: 'UNAVAILABLE', reason: 'NO_MODEL', message: `The server at ${base} serves no model.` });
}
