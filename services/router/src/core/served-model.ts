import type { InferenceBackend, ModelInfo } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import type { CodecFactory, TextCodec } from './ports.js';
import { resolveSamplingDefaults, type SamplingDefaultsChoice } from './sampling-defaults.js';

/** A model that answers requests, with its way from text to tokens. */
export interface ServedModel {
  /** With the sampling defaults that this server gives, none of them open. */
  info: ModelInfo;
  codec: TextCodec;
}

/**
 * Knows which model the backend serves. Nothing is served before the backend has answered, and again nothing while it
 * is not ready; a backend that comes back with another model brings another tokenizer.
 */
export class ModelDirectory {
  private served: ServedModel | null = null;
  private confirmed = false;
  private draining = false;

  constructor(
    private readonly backend: InferenceBackend,
    private readonly createCodec: CodecFactory,
    private readonly samplingDefaults: SamplingDefaultsChoice = { kind: 'model' },
  ) {}

  /**
   * Looks at the backend once; call it again and again. Asks for the model only when the backend has become ready.
   *
   * @returns whether requests are welcome now.
   * @throws AppError of the backend or the tokenizer.
   */
  async refresh(signal: AbortSignal): Promise<boolean> {
    if (!this.backend.load().ready) {
      this.confirmed = false;
      return false;
    }
    if (!this.confirmed) {
      const loaded = await this.backend.model(signal);
      const info = { ...loaded, defaults: resolveSamplingDefaults(this.samplingDefaults, loaded.defaults) };
      const same = this.served?.info.fingerprint === info.fingerprint;
      const codec =
        same && this.served ? this.served.codec : this.createCodec(await this.backend.tokenizerFiles(signal));
      if (!same) this.served?.codec.close();
      this.served = { info, codec };
      this.confirmed = true;
    }
    return this.ready();
  }

  /** Whether requests are welcome. */
  ready(): boolean {
    return !this.draining && this.available();
  }

  /** Whether there is a model that answers; it may do so still while new requests are refused. */
  available(): boolean {
    return this.served !== null && this.confirmed && this.backend.load().ready;
  }

  /** From now on requests are refused as `DRAINING`. */
  drain(): void {
    this.draining = true;
  }

  /** Frees the tokenizer; call it when no request is under way any more. */
  close(): void {
    this.served?.codec.close();
  }

  /**
   * The model for a request.
   *
   * @throws AppError `NOT_READY`, `DRAINING` or `MODEL_NOT_FOUND`.
   */
  require(name?: string): ServedModel {
    if (this.draining) throw unavailable('DRAINING', 'The server is shutting down.');
    if (this.served === null || !this.ready()) throw unavailable('NOT_READY', 'The model is not ready yet.');
    if (name !== undefined && name !== this.served.info.id) {
      throw new AppError({
        code: 'NOT_FOUND',
        reason: 'MODEL_NOT_FOUND',
        message: `The model '${name.slice(0, 128)}' is not served here; '${this.served.info.id}' is.`,
        field: 'model',
      });
    }
    return this.served;
  }
}

function unavailable(reason: string, message: string): AppError {
  return new AppError({ code: 'UNAVAILABLE', reason, message, retry: 'other', details: { retryAfterS: 1 } });
}
