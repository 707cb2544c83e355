import { invalidArgument } from '@longhaul/kernel';
import type { AuditStatistics } from '../ports.js';

/** How the engine compares policies with dense attention while it serves. */
export interface AuditOptions {
  /** Of the queries under policies, in each layer and KV head, those that are also computed densely: 0 (none) to 1. */
  share: number;
  /** A choice whose policy keeps less of the attention's mass, 0 to 1, is computed densely from there on. */
  leastRecall: number;
}

/** Off: nobody pays for what nobody has asked for. */
export const defaultAudit: AuditOptions = { share: 0, leastRecall: 0.5 };

/** Of a step that sampled nothing. */
export const NO_SAMPLES: AuditStatistics = { samples: 0, recallSum: 0, recallLeast: 1, errorSum: 0 };

/** Throws INVALID_ARGUMENT naming the field. */
export function checkAudit(options: AuditOptions): void {
  for (const name of ['share', 'leastRecall'] as const) {
    const value = options[name];
    if (!(value >= 0 && value <= 1)) {
      throw invalidArgument(`audit.${name}`, `audit.${name} must be between 0 and 1, not ${String(value)}.`);
    }
  }
}

/** 64 bits that follow from the prompt alone: its queries are sampled alike whenever, and beside whatever, it is computed. */
export function auditKey(promptTokenIds: Int32Array): bigint {
  let low = 0x2545f491;
  let high = promptTokenIds.length;
  for (const token of promptTokenIds) {
    low = Math.imul(low ^ token, 0x01000193);
    high = Math.imul(high ^ (low >>> 15) ^ token, 0x5bd1e995);
  }
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}
