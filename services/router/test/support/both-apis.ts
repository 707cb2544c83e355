import { credentials } from '@grpc/grpc-js';
import { inferenceV1 } from '@longhaul/contracts';
import { AppError } from '@longhaul/kernel';
import { callServerStream, callUnary } from '@longhaul/platform-grpc';
import { ScriptedBackend, SCRIPTED_MODEL } from '@longhaul/testing';
import { SHAPE } from './attention-policies.js';
import { startRouter, type RunningRouter } from './start-router.js';

/** The scripted model, of a worker that computes policies. */
export const MODEL = { ...SCRIPTED_MODEL, attention: { shape: SHAPE, stepPromptTokens: 256 } };

const PATHS = { chat: '/v1/chat/completions', completions: '/v1/completions' } as const;
export type Api = keyof typeof PATHS;

/** Why a request was refused, as its caller sees it. */
export interface Refusal {
  /** Over HTTP. */
  status?: number;
  code: string;
  field: string | null;
  message: string;
}

export type GrpcFields = Parameters<typeof inferenceV1.GenerateRequest.create>[0];

/** A router, asked over HTTP and gRPC in the same words. */
export class BothApis {
  readonly #client: inferenceV1.InferenceServiceClient;

  private constructor(readonly running: RunningRouter) {
    const address = `127.0.0.1:${running.server.grpcPort}`;
    this.#client = new inferenceV1.InferenceServiceClient(address, credentials.createInsecure());
  }

  static async start(overrides: Parameters<typeof startRouter>[0] = {}, model = MODEL): Promise<BothApis> {
    return new BothApis(await startRouter(overrides, undefined, new ScriptedBackend(model)));
  }

  async close(): Promise<void> {
    this.#client.close();
    await this.running.server.close();
  }

  /** A small request with more fields. */
  send(api: Api, body: object, key?: string): Promise<Response> {
    const prompt = api === 'chat' ? { messages: [{ role: 'user', content: 'x' }] } : { prompt: 'x' };
    return this.post(api, JSON.stringify({ ...prompt, max_tokens: 1, ...body }), key);
  }

  post(api: Api, body: string, key?: string): Promise<Response> {
    const headers = { 'content-type': 'application/json', ...headersOf(key) };
    return fetch(`${this.running.server.url}${PATHS[api]}`, { method: 'POST', headers, body });
  }

  /** @returns null where it was answered. */
  async overHttp(api: Api, longhaul: object, key?: string): Promise<Refusal | null> {
    const response = await this.send(api, { longhaul }, key);
    const { error } = (await response.json()) as { error?: { code: string; param: string | null; message: string } };
    if (error === undefined) return null;
    return { status: response.status, code: error.code, field: error.param, message: error.message };
  }

  async *stream(fields: GrpcFields, key?: string): AsyncGenerator<inferenceV1.GenerateResponse, void> {
    const input = { $case: 'prompt' as const, value: 'x' };
    const message = inferenceV1.GenerateRequest.create({ input, maxTokens: 1, ...fields });
    yield* callServerStream((metadata, call) => this.#client.generate(message, metadata, call), {
      headers: headersOf(key),
    });
  }

  /** @returns null where it was answered. */
  async overGrpc(fields: GrpcFields, key?: string): Promise<Refusal | null> {
    try {
      for await (const _ of this.stream(fields, key));
      return null;
    } catch (error) {
      const { reason, field = null, message } = AppError.from(error);
      return { code: reason.toLowerCase(), field, message };
    }
  }

  /** What `/v1/models` says of attention. */
  async offeredOverHttp(key?: string): Promise<unknown> {
    const response = await fetch(`${this.running.server.url}/v1/models`, { headers: headersOf(key) });
    return ((await response.json()) as { data: { attention: unknown }[] }).data[0]?.attention;
  }

  /** The same over gRPC, in the words of HTTP. */
  async offeredOverGrpc(key?: string): Promise<unknown> {
    const { attentionDefault, attentionAllowed, attentionArtefacts } = await callUnary<inferenceV1.ModelInfoResponse>(
      (metadata, options, done) => this.#client.modelInfo({}, metadata, options, done),
      { headers: headersOf(key) },
    );
    return { default: attentionDefault, allowed: attentionAllowed, artefacts: attentionArtefacts };
  }
}

function headersOf(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

/** Of a spec whose tests start one router each; `close` is for its afterEach. */
export class OneAtATime {
  #open: BothApis | null = null;

  async start(...how: Parameters<typeof BothApis.start>): Promise<RunningRouter> {
    this.#open = await BothApis.start(...how);
    return this.#open.running;
  }

  get apis(): BothApis {
    if (this.#open === null) throw new Error('not started');
    return this.#open;
  }

  async close(): Promise<void> {
    await this.#open?.close();
    this.#open = null;
  }
}
