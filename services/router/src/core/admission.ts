import { AppError } from '@longhaul/kernel';

export interface AdmissionLimits {
  /** Most requests that have arrived and not ended, over all APIs. */
  maxRequests: number;
  /** Most bytes of their bodies together. */
  maxPromptBytes: number;
}

export interface Lease {
  kind: 'admitted';
  /** Gives the place back; more than one call does nothing. */
  release(): void;
}

export type AdmissionResult = Lease | { kind: 'rejected'; error: AppError };

const RETRY_AFTER_S = 1;

/** Bounds what the router holds at once. Never waits: a full house is an answer. */
export class Admission {
  readonly #limits: AdmissionLimits;
  #requests = 0;
  #promptBytes = 0;

  constructor(limits: AdmissionLimits) {
    this.#limits = limits;
  }

  /** Why a request with so many bytes would be refused now, or null. Takes nothing. */
  refusal(promptBytes: number): AppError | null {
    const { maxRequests, maxPromptBytes } = this.#limits;
    if (this.#requests >= maxRequests) {
      const message = `The server already has ${maxRequests} requests; try again later.`;
      return full('TOO_MANY_REQUESTS', message, maxRequests);
    }
    if (this.#promptBytes + promptBytes <= maxPromptBytes) return null;
    const message = `The server already holds its ${maxPromptBytes} bytes of prompts; try again later.`;
    return full('TOO_MANY_PROMPT_BYTES', message, maxPromptBytes);
  }

  /** Takes a place for a request that has arrived with so many bytes. */
  admit(promptBytes: number): AdmissionResult {
    const error = this.refusal(promptBytes);
    if (error) return { kind: 'rejected', error };
    this.#requests += 1;
    this.#promptBytes += promptBytes;
    let held = true;
    const release = () => {
      if (!held) return;
      held = false;
      this.#requests -= 1;
      this.#promptBytes -= promptBytes;
    };
    return { kind: 'admitted', release };
  }

  /** What is held now; both are zero when nothing is in flight. */
  snapshot(): { requests: number; promptBytes: number } {
    return { requests: this.#requests, promptBytes: this.#promptBytes };
  }
}

function full(reason: string, message: string, limit: number): AppError {
  const details = { limit, retryAfterS: RETRY_AFTER_S };
  return new AppError({ code: 'RESOURCE_EXHAUSTED', reason, message, retry: 'same', details });
}
