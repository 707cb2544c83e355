import { createHash } from 'node:crypto';
import { lengthPrefixed } from '../bytes.js';
import { kvErrors } from '../errors.js';
import { QualityClass } from '../quality.js';
import { CHAIN_VERSION } from './chain-version.js';
import { ascii, checkBytes } from './key-bytes.js';

const ROOT_DOMAIN = ascii(`kvroot/${CHAIN_VERSION}\0`);
const EMPTY = new Uint8Array();
const utf8 = new TextEncoder();

/**
 * How KV was computed, where that changes its values. Chains of different variants never meet. The plain variant,
 * nothing set, is what the model itself computes with its own rotary tables: dense and exact.
 */
export interface KvVariant {
  /** Names the rotary tables; empty: those of the fingerprint. */
  readonly ropeKey?: string;
  /**
   * Names the arithmetic of the attention policy, with all of its parameters; empty: dense. A policy that computes the
   * prompt densely leaves it empty, and shares with dense.
   */
  readonly policyNumerics?: string;
  /** Of what is computed: the worst of the policy's class and the class of the KV type. `exact` when absent. */
  readonly quality?: QualityClass;
  /** Digest of a LoRA adapter that is not merged; empty without one. */
  readonly adapterDigest?: Uint8Array;
}

/**
 * What the first link of a chain is chained to. Depends on the namespace's secret, so that no other tenant can predict
 * or hit a key below it:
 * `SHA-256("kvroot/2\0" || fingerprint || namespace key || lp(adapter) || lp(rope) || lp(policy) || u8(quality))`.
 *
 * @returns 32 bytes.
 * @throws AppError `INVALID_ARGUMENT` naming what has not its length, or a class that there is not.
 */
export function rootKey(modelFingerprint: Uint8Array, namespaceKey: Uint8Array, variant: KvVariant = {}): Uint8Array {
  checkBytes('modelFingerprint', modelFingerprint);
  checkBytes('namespaceKey', namespaceKey);
  const { ropeKey = '', policyNumerics = '', quality = QualityClass.exact, adapterDigest = EMPTY } = variant;
  if (!Object.values(QualityClass).includes(quality)) {
    throw kvErrors.argument('quality', `quality is ${quality}; the classes are 1 to ${QualityClass.sparse}.`);
  }
  return createHash('sha256')
    .update(ROOT_DOMAIN)
    .update(modelFingerprint)
    .update(namespaceKey)
    .update(lengthPrefixed(adapterDigest))
    .update(lengthPrefixed(utf8.encode(ropeKey)))
    .update(lengthPrefixed(utf8.encode(policyNumerics)))
    .update(Uint8Array.of(quality))
    .digest();
}
