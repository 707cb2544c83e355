import type { kvstoreV1 } from '@longhaul/contracts';
import { invalidArgument } from '@longhaul/kernel';
import {
  KEY_BYTES,
  type EvictRequest,
  type GetRequest,
  type HandshakeRequest,
  type Namespace,
  type PinRequest,
  type PrefixLookup,
  type PutRequest,
  type WatchRequest,
} from '@longhaul/kv-core';
import { asBuffer, asCount, asNumber, requireLength } from './bytes.js';
import { fromQuality, toQuality } from './enums.js';

/** Longest tenant name, in bytes of UTF-8. */
export const MAX_TENANT_BYTES = 64;

export function toNamespace(namespace: Namespace): kvstoreV1.Namespace {
  const { modelFingerprint, id, tenant, deployEpoch } = namespace;
  return { modelFingerprint: asBuffer(modelFingerprint), id: asBuffer(id), tenant, deployEpoch };
}

/** @throws AppError `INVALID_ARGUMENT` by field. */
export function fromNamespace(message: kvstoreV1.Namespace | undefined): Namespace {
  if (!message) throw invalidArgument('namespace', 'namespace must be set.');
  const { tenant, deployEpoch } = message;
  const tenantBytes = Buffer.byteLength(tenant);
  if (tenantBytes < 1 || tenantBytes > MAX_TENANT_BYTES) {
    const limit = `namespace.tenant must have 1 to ${MAX_TENANT_BYTES} bytes; it has ${tenantBytes}.`;
    throw invalidArgument('namespace.tenant', limit);
  }
  return {
    modelFingerprint: requireLength('namespace.model_fingerprint', message.modelFingerprint, KEY_BYTES),
    id: requireLength('namespace.id', message.id, KEY_BYTES),
    tenant,
    deployEpoch,
  };
}

export function toKeys(keys: readonly Uint8Array[]): Buffer[] {
  return keys.map(asBuffer);
}

export function fromKeys(keys: readonly Uint8Array[]): Uint8Array[] {
  return keys.map((key, index) => requireLength(`keys[${index}]`, key, KEY_BYTES));
}

export function toHandshakeRequest(request: HandshakeRequest): kvstoreV1.HandshakeRequest {
  const { formatVersions, codecs, workerId } = request;
  const namespace = toNamespace(request.namespace);
  return { namespace, formatVersions: [...formatVersions], codecs: [...codecs], workerId };
}

export function fromHandshakeRequest(message: kvstoreV1.HandshakeRequest): HandshakeRequest {
  return { ...message, namespace: fromNamespace(message.namespace) };
}

export function toLookup(lookup: PrefixLookup): kvstoreV1.LookupPrefixRequest {
  const { minQuality, leaseMs } = lookup;
  const namespace = toNamespace(lookup.namespace);
  return { namespace, keys: toKeys(lookup.keys), minQuality: toQuality(minQuality), leaseMs };
}

export function fromLookup(message: kvstoreV1.LookupPrefixRequest): PrefixLookup {
  const { leaseMs } = message;
  const namespace = fromNamespace(message.namespace);
  return { namespace, keys: fromKeys(message.keys), minQuality: fromQuality(message.minQuality), leaseMs };
}

export function toPutBegin(request: PutRequest, timeoutMs: number): kvstoreV1.PutBegin {
  return {
    namespace: toNamespace(request.namespace),
    key: asBuffer(request.key),
    parentKey: asBuffer(request.parentKey),
    objectBytes: asCount(request.objectBytes),
    recomputeMicros: asCount(request.recomputeMicros),
    ttlSeconds: request.ttlSeconds,
    timeoutMs: asCount(Math.max(1, timeoutMs)),
  };
}

export function fromPutBegin(message: kvstoreV1.PutBegin): PutRequest {
  return {
    namespace: fromNamespace(message.namespace),
    key: requireLength('key', message.key, KEY_BYTES),
    parentKey: requireLength('parent_key', message.parentKey, KEY_BYTES),
    objectBytes: asNumber('object_bytes', message.objectBytes),
    recomputeMicros: asNumber('recompute_micros', message.recomputeMicros),
    ttlSeconds: message.ttlSeconds,
  };
}

/** How a get flows: frames that may come unasked, and how long it may take, in milliseconds. */
export interface GetFlow {
  readonly credit: number;
  readonly timeoutMs: number;
}

export function toGetOpen(request: GetRequest, flow: GetFlow): kvstoreV1.GetOpen {
  const { layerBegin, layerEnd } = request;
  return {
    namespace: toNamespace(request.namespace),
    leaseId: asBuffer(request.leaseId),
    keys: toKeys(request.keys),
    layerBegin,
    layerEnd,
    credit: flow.credit,
    timeoutMs: asCount(Math.max(1, flow.timeoutMs)),
  };
}

export function fromGetOpen(message: kvstoreV1.GetOpen): GetRequest {
  const { leaseId, layerBegin, layerEnd } = message;
  return {
    namespace: fromNamespace(message.namespace),
    leaseId,
    keys: fromKeys(message.keys),
    layerBegin,
    layerEnd,
  };
}

export function toPin(request: PinRequest): kvstoreV1.PinRequest {
  const { ttlSeconds, hard } = request;
  return { namespace: toNamespace(request.namespace), keys: toKeys(request.keys), ttlSeconds, hard };
}

export function fromPin(message: kvstoreV1.PinRequest): PinRequest {
  const { ttlSeconds, hard } = message;
  return { namespace: fromNamespace(message.namespace), keys: fromKeys(message.keys), ttlSeconds, hard };
}

export function toEvict({ namespace, what }: EvictRequest): kvstoreV1.EvictRequest {
  return { namespace: toNamespace(namespace), what: toEvictWhat(what) };
}

function toEvictWhat(what: EvictRequest['what']): kvstoreV1.EvictRequest['what'] {
  switch (what.kind) {
    case 'keys':
      return { $case: 'keys', value: { keys: toKeys(what.keys) } };
    case 'namespace':
      return { $case: 'wholeNamespace', value: {} };
    case 'epoch_below':
      return { $case: 'epochBelow', value: what.epoch };
  }
}

export function fromEvict(message: kvstoreV1.EvictRequest): EvictRequest {
  const namespace = fromNamespace(message.namespace);
  const { what } = message;
  switch (what?.$case) {
    case 'keys':
      return { namespace, what: { kind: 'keys', keys: fromKeys(what.value.keys) } };
    case 'wholeNamespace':
      return { namespace, what: { kind: 'namespace' } };
    case 'epochBelow':
      return { namespace, what: { kind: 'epoch_below', epoch: what.value } };
    case undefined:
      throw invalidArgument('what', 'what must be set: keys, whole_namespace or epoch_below.');
  }
}

export function toWatch({ namespace, storeEpoch, fromSequence }: WatchRequest): kvstoreV1.WatchRequest {
  return { namespace: toNamespace(namespace), storeEpoch, fromSequence };
}

export function fromWatch({ namespace, storeEpoch, fromSequence }: kvstoreV1.WatchRequest): WatchRequest {
  return { namespace: fromNamespace(namespace), storeEpoch, fromSequence };
}
