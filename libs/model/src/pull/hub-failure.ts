import { type AppError, type ErrorCode, openDeadline } from '@longhaul/kernel';
import { pullError } from './pull-types.js';

/** A hub that accepts a request answers its head within this time; bodies have no bound but may not stall (undici: 5 min). */
const HEAD_TIMEOUT_MS = 60_000;

interface Asked {
  readonly repo: string;
  readonly revision: string;
  /** Address of the hub, without credentials. */
  readonly endpoint: string;
}

interface Failure {
  readonly code: ErrorCode;
  readonly reason: string;
  /** What happened and what to try: a sentence that follows the hub's name. */
  readonly says: string;
}

/** `fetch` that gives up on a hub that never begins to answer. */
export async function hubFetch(input: Parameters<typeof fetch>[0], init: RequestInit): Promise<Response> {
  const head = openDeadline({ timeoutMs: HEAD_TIMEOUT_MS, late: headTimeout });
  const signals = init.signal ? [init.signal, head.signal] : [head.signal];
  try {
    return await fetch(input, { ...init, signal: AbortSignal.any(signals) });
  } finally {
    head.dispose();
  }
}

/**
 * Why a hub did not give a model, and what to try.
 *
 * @returns AppError `MODEL_NOT_FOUND`, `MODEL_GATED`, `PULL_FAILED`; those that may pass by themselves are `UNAVAILABLE`.
 */
export function hubFailure(cause: unknown, asked: Asked): AppError {
  const { code, reason, says } = byStatus(cause, asked) ?? byNetwork(cause) ?? unknownFailure(cause);
  const { host } = new URL(asked.endpoint);
  return pullError(code, reason, `The model hub ${host} did not give ${asked.repo}: ${says}`, cause);
}

const unavailable = (says: string): Failure => ({ code: 'UNAVAILABLE', reason: 'PULL_FAILED', says });

function byStatus(cause: unknown, { repo, revision }: Asked): Failure | null {
  const status = (cause as { statusCode?: unknown } | null)?.statusCode;
  if (typeof status !== 'number') return null;
  const token = process.env['HF_TOKEN'] ? 'HF_TOKEN' : null;
  switch (status) {
    case 401:
      // The public hub answers so for names that do not exist as well.
      return token === null
        ? notFound(
            `it is not there, or it is private or gated (401). Check the name; for a gated model accept its terms on its page and set HF_TOKEN.`,
          )
        : denied(`the token in HF_TOKEN is not valid, or ${repo} is not there (401). Check both.`);
    case 403:
      return denied(
        token === null
          ? 'it is gated (403). Accept its terms on its page and set HF_TOKEN to a token of your account.'
          : 'the account of HF_TOKEN has no access (403). Accept the terms on the page of the model, or use a token that may read it.',
      );
    case 404:
      return notFound(
        `there is no such repository, or no revision or file ${JSON.stringify(revision)} in it (404). Check the name.`,
      );
    case 429:
      return unavailable(
        'it has had too many requests (429). Wait some minutes and pull again; with HF_TOKEN more are allowed.',
      );
    case 416:
      return unavailable('it refused to continue the download (416). Pull again.');
    default:
      if (status >= 500)
        return unavailable(`it has a fault of its own (${status}). Pull again later; what is there is kept.`);
      return unavailable(`it answered ${status}. Check the name and HF_ENDPOINT.`);
  }
}

function notFound(says: string): Failure {
  return { code: 'NOT_FOUND', reason: 'MODEL_NOT_FOUND', says };
}

function denied(says: string): Failure {
  return { code: 'PERMISSION_DENIED', reason: 'MODEL_GATED', says };
}

const PROXY = 'Behind a proxy, set NODE_USE_ENV_PROXY=1 beside HTTPS_PROXY';
const OTHER_WAYS = 'or name a local checkpoint';

/** By the code of the innermost cause: `fetch` itself says only that it failed. */
const NETWORK: readonly [RegExp, string][] = [
  [
    /^(ENOTFOUND|EAI_AGAIN|EAI_NODATA)$/,
    `its name cannot be resolved. Check the network and HF_ENDPOINT. ${PROXY}, ${OTHER_WAYS}.`,
  ],
  [
    /^(ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|EADDRNOTAVAIL)$/,
    `it cannot be reached. Check the network and HF_ENDPOINT. ${PROXY}, ${OTHER_WAYS}.`,
  ],
  [
    /^(ETIMEDOUT|UND_ERR_CONNECT_TIMEOUT|UND_ERR_HEADERS_TIMEOUT|UND_ERR_BODY_TIMEOUT|HUB_HEAD_TIMEOUT)$/,
    `it did not answer in time. Pull again; what is there is kept. ${PROXY}.`,
  ],
  [/^(ECONNRESET|EPIPE|UND_ERR_SOCKET|UND_ERR_ABORTED)$/, 'the connection broke. Pull again to go on.'],
  [
    /^(CERT_|ERR_TLS|ERR_SSL|EPROTO|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_|HOSTNAME_MISMATCH)/,
    'its certificate or TLS is not accepted. Where a proxy opens TLS, name its certificate with NODE_EXTRA_CA_CERTS; check HF_ENDPOINT and the clock.',
  ],
];

function byNetwork(cause: unknown): Failure | null {
  const { code, message } = innermost(cause);
  for (const [pattern, says] of NETWORK) {
    if (code !== null && pattern.test(code)) return unavailable(`${says} (${code})`);
  }
  if (/redirect count exceeded/i.test(message)) return unavailable('it redirects in a circle. Check HF_ENDPOINT.');
  if (/terminated|other side closed|premature close/i.test(message))
    return unavailable('the connection broke. Pull again to go on.');
  return null;
}

function unknownFailure(cause: unknown): Failure {
  if ((cause as Thrown | null)?.name === 'SyntaxError') {
    return unavailable(
      'its answer is no JSON, so it may be no model hub, or a proxy answers in its place. Check HF_ENDPOINT.',
    );
  }
  const { code, message } = innermost(cause);
  return unavailable(`${message.slice(0, 500)}${code === null ? '' : ` (${code})`}`);
}

interface Thrown {
  readonly code?: unknown;
  readonly name?: unknown;
  readonly message?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** By shape and not by class: an error may come from another realm. */
function innermost(error: unknown): { code: string | null; message: string } {
  let found = { code: null as string | null, message: String(error) };
  let at: unknown = error;
  for (let depth = 0; depth < 8 && typeof at === 'object' && at !== null; depth++) {
    const { code, message, cause, errors } = at as Thrown;
    found = {
      code: typeof code === 'string' ? code : found.code,
      message: typeof message === 'string' && message !== '' ? message : found.message,
    };
    at = Array.isArray(errors) ? errors[0] : cause;
  }
  return found;
}

function headTimeout(): Error {
  return Object.assign(new Error(`no answer within ${HEAD_TIMEOUT_MS} ms`), { code: 'HUB_HEAD_TIMEOUT' });
}
