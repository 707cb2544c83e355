import { createHash, type KeyObject } from 'node:crypto';
import { equalBytes, type Namespace } from '@longhaul/kv-core';
import { capabilityErrors, verifyCapability, type CapabilityClaims, type CapabilityRight } from '@longhaul/kv-wire';

/** Decides whether a caller may do what it asks. */
export interface CapabilityGate {
  /**
   * Reads the token of a call (base64url, as the metadata carries it).
   *
   * @throws AppError `KV_CAPABILITY_INVALID` or `KV_CAPABILITY_EXPIRED`.
   */
  open(token: string | undefined): Grant;
}

/** What a checked token allows. */
export interface Grant {
  /** @throws AppError `KV_CAPABILITY_EXPIRED`, or `KV_CAPABILITY_RIGHT` for another scope or a missing right. */
  require(right: CapabilityRight, scope: Scope): void;
}

/** What a call is about: one namespace, all there are, or something that only who was given it can name. */
export type Scope = Namespace | 'whole_store' | 'given';

export interface CapabilityGateOptions {
  /** Ed25519 public keys by key id. */
  readonly keys: ReadonlyMap<number, KeyObject>;
  /** Unix milliseconds. */
  readonly now: () => number;
}

/** Signatures that need no second look, by digest of the token. */
const REMEMBERED_TOKENS = 1024;
/** Far above the 256 characters of a token: longer text is not decoded. */
const MAX_TOKEN_TEXT = 512;

/** Checks signature, expiry, namespace and right of every call. A signature is computed once per token. */
export function createCapabilityGate(options: CapabilityGateOptions): CapabilityGate {
  const remembered = new Map<string, CapabilityClaims>();
  return {
    open(token) {
      if (token === undefined || token.length > MAX_TOKEN_TEXT) throw capabilityErrors.invalid();
      const digest = createHash('sha256').update(token).digest('base64');
      const claims = remembered.get(digest) ?? verifyCapability(Buffer.from(token, 'base64url'), options.keys);
      remembered.delete(digest);
      remembered.set(digest, claims);
      if (remembered.size > REMEMBERED_TOKENS) remembered.delete(remembered.keys().next().value ?? digest);
      requireFresh(claims, options.now());
      return { require: (right, scope) => requireRight(claims, { right, scope, now: options.now() }) };
    },
  };
}

/** Lets everybody do everything: for loopback without keys. */
export const OPEN_GATE: CapabilityGate = { open: () => ({ require: () => undefined }) };

function requireFresh(claims: CapabilityClaims, now: number): void {
  if (now >= claims.expiresUnixMs) throw capabilityErrors.expired();
}

interface Demand {
  right: CapabilityRight;
  scope: Scope;
  now: number;
}

function requireRight(claims: CapabilityClaims, { right, scope, now }: Demand): void {
  requireFresh(claims, now);
  if (!claims.rights.includes(right)) throw capabilityErrors.right(`The capability has no right to ${right}.`);
  if (scope === 'given' || ofEveryNamespace(claims)) return;
  if (scope === 'whole_store')
    throw capabilityErrors.right('The capability is for one namespace, not the whole store.');
  const same = equalBytes(claims.namespaceId, scope.id) && claims.tenant === scope.tenant;
  if (!same) throw capabilityErrors.right('The capability is for another namespace.');
}

function ofEveryNamespace({ namespaceId, rights }: CapabilityClaims): boolean {
  return rights.includes('operate') && namespaceId.every((byte) => byte === 0);
}
