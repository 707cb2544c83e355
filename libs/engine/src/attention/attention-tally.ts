import type { AttentionUsage, AuditUsage, QualityName } from '@longhaul/inference';
import type { AuditStatistics, SequenceAttentionStatistics } from '../ports.js';

/** Shares of the visible pages that were read, by phase; null where the runner told of no query of that phase. */
export interface PhaseDensity {
  prefill: number | null;
  decode: number | null;
}

/** What attention has read for one request, over all of its choices and steps; what is computed again counts again. */
export class AttentionTally {
  #prefillVisible = 0;
  #prefillRead = 0;
  #decodeVisible = 0;
  #decodeRead = 0;
  #kvReadBytes: number | null = null;
  #samples = 0;
  #recallSum = 0;
  #klSamples = 0;
  #klSum = 0;
  #breaches = 0;

  add(step: SequenceAttentionStatistics): void {
    this.#prefillVisible += step.prefillVisible;
    this.#prefillRead += step.prefillRead;
    this.#decodeVisible += step.decodeVisible;
    this.#decodeRead += step.decodeRead;
    this.#kvReadBytes = (this.#kvReadBytes ?? 0) + step.kvReadBytes;
  }

  /**
   * @param kl of the step's next token, nats; null: it was not compared.
   * @param breach a generated token of which a sample lies beyond the bound. What is computed again is not added again.
   */
  addAudit({ samples, recallSum }: AuditStatistics, kl: number | null, breach: boolean): void {
    this.#samples += samples;
    this.#recallSum += recallSum;
    this.#klSamples += kl === null ? 0 : 1;
    this.#klSum += kl ?? 0;
    if (breach) this.#breaches++;
  }

  get density(): PhaseDensity {
    return {
      prefill: share(this.#prefillRead, this.#prefillVisible),
      decode: share(this.#decodeRead, this.#decodeVisible),
    };
  }

  usage(of: { policy: string; quality: QualityName; fallbacks: number }): AttentionUsage {
    const { prefill, decode } = this.density;
    const density = { prefill: prefill ?? 1, decode: decode ?? 1 };
    return { ...of, density, kvReadBytes: this.#kvReadBytes, audit: this.#audit() };
  }

  #audit(): AuditUsage | null {
    const [samples, klSamples] = [this.#samples, this.#klSamples];
    if (samples + klSamples === 0) return null;
    const recall = samples === 0 ? null : this.#recallSum / samples;
    const kl = klSamples === 0 ? null : this.#klSum / klSamples;
    return { samples, recall, klSamples, kl, breaches: this.#breaches };
  }
}

function share(read: number, visible: number): number | null {
  return visible > 0 ? read / visible : null;
}
