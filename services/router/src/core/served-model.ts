import type { InferenceBackend, ModelInfo } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import type { AttentionRules } from './attention/attention-rules.js';
import { ServedAttention } from './attention/served-attention.js';
import type { CodecFactory, TextCodec } from './ports.js';
import type { Tenant } from './tenants/tenant.js';
import { resolveSamplingDefaults, type SamplingDefaultsChoice } from './sampling-defaults.js';

/** A model that answers requests, with its way from text to tokens. */
export interface ServedModel {
  /** With the sampling defaults that this server gives, none of them open. */
  info: ModelInfo;
  codec: TextCodec;
  attention: ServedAttention;
}

/** What a server says about the model that it serves. */
export interface ServingRules {
  samplingDefaults: SamplingDefaultsChoice;
  attention: AttentionRules;
  /** Whose defaults have to be possible on the model, in the order of their file. */
  tenants: readonly Tenant[];
}

/**
 * Knows which model the backend serves. Nothing is served before the backend has answered, and again nothing while it
 * is not ready; a backend that comes back with another model brings another tokenizer.
 */
export class ModelDirectory {
  readonly #backend: InferenceBackend;
  readonly #createCodec: CodecFactory;
  readonly #rules: ServingRules;
  #served: ServedModel | null = null;
  #confirmed = false;
  #draining = false;

  constructor(backend: InferenceBackend, createCodec: CodecFactory, rules: ServingRules) {
    this.#backend = backend;
    this.#createCodec = createCodec;
    this.#rules = rules;
  }

  /**
   * Looks at the backend once; call it again and again. Asks for the model only when the backend has become ready.
   *
   * @returns whether requests are welcome now.
   * @throws AppError of the backend or the tokenizer; `ATTENTION_DEFAULT_IMPOSSIBLE` where the model forbids a default.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    if (!this.#backend.load().ready) {
      this.#confirmed = false;
      return false;
    }
    if (!this.#confirmed) {
      const loaded = await this.#backend.model(signal);
      const info = { ...loaded, defaults: resolveSamplingDefaults(this.#rules.samplingDefaults, loaded.defaults) };
      const attention = this.#attentionOf(info);
      const same = this.#served?.info.fingerprint === info.fingerprint;
      const codec =
        same && this.#served ? this.#served.codec : this.#createCodec(await this.#backend.tokenizerFiles(signal));
      if (!same) this.#served?.codec.close();
      this.#served = { info, codec, attention };
      this.#confirmed = true;
    }
    return this.ready();
  }

  #attentionOf({ id, attention: facts }: ModelInfo): ServedAttention {
    const { attention: rules, tenants } = this.#rules;
    const attention = new ServedAttention(rules, facts);
    const faults = attention.faultsOfDefaults(tenants);
    if (faults.length === 0) return attention;
    throw new AppError({
      code: 'FAILED_PRECONDITION',
      reason: 'ATTENTION_DEFAULT_IMPOSSIBLE',
      message: `What requests get that say nothing is not possible on ${id}:\n${faults.join('\n')}`,
    });
  }

  /** Whether requests are welcome. */
  ready(): boolean {
    return !this.#draining && this.available();
  }

  /** Whether there is a model that answers; it may do so still while new requests are refused. */
  available(): boolean {
    return this.#served !== null && this.#confirmed && this.#backend.load().ready;
  }

  /** From now on requests are refused as `DRAINING`. */
  drain(): void {
    this.#draining = true;
  }

  /** Frees the tokenizer; call it when no request is under way any more. */
  close(): void {
    this.#served?.codec.close();
  }

  /**
   * The model that is served.
   *
   * @throws AppError `NOT_READY` or `DRAINING`.
   */
  require(): ServedModel {
    if (this.#draining) throw unavailable('DRAINING', 'The server is shutting down.');
    if (this.#served === null || !this.ready()) throw unavailable('NOT_READY', 'The model is not ready yet.');
    return this.#served;
  }

  /**
   * The model for a request. One that the tenant may not ask for is not there for it, whatever name it knows.
   *
   * @param name undefined takes the served one.
   * @throws AppError `NOT_READY`, `DRAINING` or `MODEL_NOT_FOUND`.
   */
  forTenant(tenant: Tenant, name?: string): ServedModel {
    const served = this.require();
    const { id } = served.info;
    if (!mayAsk(tenant, served)) throw modelNotFound(name);
    if (name !== undefined && name !== id) throw modelNotFound(name, id);
    return served;
  }
}

/** Whether the model is there for the tenant. */
export function mayAsk({ models }: Tenant, { info }: ServedModel): boolean {
  return models === null || models.has(info.id);
}

function modelNotFound(name: string | undefined, served?: string): AppError {
  const asked = name === undefined ? 'No model that this API key may ask for' : `The model '${name.slice(0, 128)}'`;
  const verb = name === undefined ? 'is served here' : 'is not served here';
  const message = `${asked} ${verb}${served === undefined ? '.' : `; '${served}' is.`}`;
  return new AppError({ code: 'NOT_FOUND', reason: 'MODEL_NOT_FOUND', message, field: 'model' });
}

function unavailable(reason: string, message: string): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message, retry: 'other', details: { retryAfterS: 1 } });
}
