import type { GenerationEvent, GenerationRequest, InferenceBackend } from '@longhaul/inference';
import { AppError } from '@longhaul/kernel';
import { buildRequest, encodePrompt, type RequestIdentity } from './build-request.js';
import type { GenerateCommand, PromptInput } from './command.js';
import type { RequestObserver } from './ports.js';
import type { ModelDirectory, ServedModel } from './served-model.js';
import type { Tenant } from './tenants/tenant.js';

export interface GenerationParts {
  backend: InferenceBackend;
  models: ModelDirectory;
  observer: RequestObserver;
  /** Seconds from any fixed point, never going back. */
  nowS: () => number;
  identify: (command: GenerateCommand) => Omit<RequestIdentity, 'signal'>;
}

/** A request on its way. `events` may be iterated once. */
export interface StartedGeneration {
  served: ServedModel;
  request: GenerationRequest;
  events: AsyncIterable<GenerationEvent>;
}

export interface TokenizeOptions {
  tenant: Tenant;
  model: string | undefined;
  signal: AbortSignal;
}

export interface Tokenized {
  served: ServedModel;
  tokenIds: Int32Array;
}

/** The router's own work: from a command to a stream of events, measured. */
export class GenerationService {
  readonly #parts: GenerationParts;
  constructor(parts: GenerationParts) {
    this.#parts = parts;
  }

  /** Checks and tokenises; nothing is computed before the events are iterated. */
  async start(command: GenerateCommand, signal: AbortSignal): Promise<StartedGeneration> {
    const startS = this.#parts.nowS();
    const served = this.#parts.models.forTenant(command.tenant, command.model);
    const request = await buildRequest(command, served, { ...this.#parts.identify(command), signal });
    const generated = this.#parts.backend.generate(request, signal);
    const events = command.scoreOnly ? withoutOutput(generated) : generated;
    return { served, request, events: this.#measured(events, { model: served.info.id, startS, signal }) };
  }

  /** Token ids of a prompt of any kind, without a limit by the context. Ends soon after the signal. */
  async tokenize(input: PromptInput, options: TokenizeOptions): Promise<Tokenized> {
    const { signal } = options;
    const served = this.#parts.models.forTenant(options.tenant, options.model);
    const tokenIds =
      input.kind === 'text'
        ? await served.codec.encode(input.text, input.options, signal)
        : await encodePrompt(input, served, signal);
    return { served, tokenIds };
  }

  async *#measured(
    events: AsyncIterable<GenerationEvent>,
    { model, startS, signal }: { model: string; startS: number; signal: AbortSignal },
  ): AsyncGenerator<GenerationEvent, void, undefined> {
    const { observer, nowS } = this.#parts;
    const lastTokenS = new Map<number, number>();
    let ended = false;
    try {
      for await (const event of events) {
        if (event.kind === 'delta' && event.tokenIds.length > 0) {
          const now = nowS();
          const previous = lastTokenS.get(event.choice);
          if (previous !== undefined) observer.nextTokens(model, now - previous);
          else if (lastTokenS.size === 0) observer.firstToken(model, now - startS);
          lastTokenS.set(event.choice, now);
        }
        if (event.kind === 'finished') observer.choiceFinished(model, event.reason);
        if (event.kind === 'done') {
          ended = true;
          observer.requestFinished(model, event.usage, nowS() - startS);
        }
        yield event;
      }
    } catch (error) {
      ended = true;
      observer.requestFailed(model, failureReason(signal, error), nowS() - startS);
      throw error;
    } finally {
      if (!ended) observer.requestFailed(model, failureReason(signal), nowS() - startS);
    }
  }
}

/** Why a generation failed: what it was ended for, where it was ended from outside. */
function failureReason(signal: AbortSignal, error?: unknown): string {
  if (signal.aborted) return AppError.from(signal.reason).reason;
  return error === undefined ? 'CANCELLED' : AppError.from(error).reason;
}

/** The events as if nothing had been generated. */
async function* withoutOutput(events: AsyncIterable<GenerationEvent>): AsyncGenerator<GenerationEvent, void> {
  for await (const event of events) {
    if (event.kind === 'delta') continue;
    if (event.kind === 'finished') yield { ...event, reason: 'length', stopString: null };
    else if (event.kind === 'done') yield { ...event, usage: { ...event.usage, completionTokens: 0 } };
    else yield event;
  }
}
