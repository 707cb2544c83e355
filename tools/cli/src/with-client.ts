import OpenAI from 'openai';
import { AppError, invalidArgument } from '@longhaul/kernel';
import type { Flags } from './flags.js';
import { startLocalServer } from './local-server.js';
import { DEFAULT_MODEL, prepareWithProgress, weightScheme } from './model-source.js';
import { serverRoot } from './server-address.js';

export interface Connection {
  client: OpenAI;
  /** Id of the served model. */
  model: string;
  url: string;
  /** Sent as `Authorization: Bearer`; anything where the server asks for none. */
  apiKey: string;
}

/** Flags of commands that talk to a server. */
export const CLIENT_FLAGS = ['url', 'model', 'api-key', 'weights'] as const;

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
  const { url, model, weights } = flags.values;
  if (url !== undefined) {
    if (weights !== undefined)
      throw invalidArgument('--weights', '--weights is for a server that is started here; --url names one that runs.');
    return use(await connect(serverRoot(url), { apiKey: apiKeyOf(flags), model }));
  }
  const { dir } = await prepareWithProgress(model ?? DEFAULT_MODEL, weightScheme(weights));
  const server = await startLocalServer(dir, minimumContext);
  try {
    await use(await connect(server.url, { apiKey: undefined, model: undefined }));
  } finally {
    await server.close();
  }
}

function apiKeyOf(flags: Flags): string | undefined {
  return flags.values['api-key'] ?? (process.env['LONGHAUL_API_KEY'] || undefined);
}

interface Wanted {
  readonly apiKey: string | undefined;
  /** Undefined takes what is served. */
  readonly model: string | undefined;
}

async function connect(url: string, wanted: Wanted): Promise<Connection> {
  const apiKey = wanted.apiKey ?? 'none';
  // A long prompt takes minutes before its first token.
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, timeout: 3_600_000, maxRetries: 0 });
  const served = await servedModels(client, url, wanted.apiKey);
  const model = wanted.model ?? served[0];
  if (model === undefined) throw failure('NO_MODEL', `The server at ${url} serves no model.`);
  if (!served.includes(model))
    throw invalidArgument('--model', `The server at ${url} serves ${served.join(', ')}, not ${model.slice(0, 200)}.`);
  return { client, model, url, apiKey };
}

async function servedModels(client: OpenAI, url: string, apiKey: string | undefined): Promise<string[]> {
  try {
    const { data } = await client.models.list();
    return data.map(({ id }) => id);
  } catch (cause) {
    const status = cause instanceof OpenAI.APIError ? (cause.status as number | undefined) : undefined;
    throw failure(...whatHappened(url, { status, hasKey: apiKey !== undefined, cause }), cause);
  }
}

function whatHappened(
  url: string,
  seen: { status: number | undefined; hasKey: boolean; cause: unknown },
): [string, string] {
  const { status, hasKey, cause } = seen;
  if (status === 401 || status === 403) {
    const problem = hasKey ? `The server at ${url} refuses the API key` : `The server at ${url} asks for an API key`;
    return ['INVALID_API_KEY', `${problem}: give it with --api-key or LONGHAUL_API_KEY.`];
  }
  if (status === undefined) return ['SERVER_UNREACHABLE', `No server answers at ${url}.`];
  if (status === 404) return ['NOT_OPENAI', `What answers at ${url} has no OpenAI API below /v1.`];
  return ['SERVER_FAILED', `The server at ${url} answered: ${cause instanceof Error ? cause.message : String(cause)}`];
}

function failure(reason: string, message: string, cause?: unknown): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message, cause });
}
