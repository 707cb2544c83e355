import { invalidArgument } from '@longhaul/kernel';
import type { AuditStatistics } from '../ports.js';
import { MOST_KL } from './kl-divergence.js';

/** How the engine compares policies with dense attention while it serves. */
export interface AuditOptions {
  /** Of the queries under policies, in each layer and KV head, those that are also computed densely: 0 (none) to 1. */
  share: number;
  /** Of the decode steps of a choice under a policy, those that are also computed densely as a whole: 0 (none) to 1. */
  klShare: number;
  /** A choice whose policy keeps less of the attention's mass, 0 to 1, falls back. For policies that say nothing else. */
  leastRecall: number;
  /** So does one whose next tokens are likelier otherwise: the divergence from dense attention, in nats, 0 to 100. */
  mostKl: number;
}

/** Off: nobody pays for what nobody has asked for. */
export const defaultAudit: AuditOptions = { share: 0, klShare: 0, leastRecall: 0.5, mostKl: 1 };

const MOST: Readonly<AuditOptions> = { share: 1, klShare: 1, leastRecall: 1, mostKl: MOST_KL };

/** Of a step that sampled nothing. */
export const NO_SAMPLES: AuditStatistics = { samples: 0, recallSum: 0, recallLeast: 1, errorSum: 0 };

/** Throws INVALID_ARGUMENT naming the field. */
export function checkAudit(options: AuditOptions, runner: { readonly scratchPage?: number }): void {
  for (const name of ['share', 'klShare', 'leastRecall', 'mostKl'] as const) {
    const value = options[name];
    if (value >= 0 && value <= MOST[name]) continue;
    const message = `audit.${name} must be between 0 and ${MOST[name]}, not ${String(value)}.`;
    throw invalidArgument(`audit.${name}`, message);
  }
  if (options.klShare > 0 && runner.scratchPage === undefined) {
    throw invalidArgument(
      'audit.klShare',
      'audit.klShare is above 0, but the runner has no scratch page to compute on.',
    );
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
