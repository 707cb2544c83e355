import { createHash, createPublicKey, sign, timingSafeEqual, verify, type KeyObject } from 'node:crypto';
import { AppError, invalidArgument } from '@longhaul/kernel';
import { KEY_BYTES } from '@longhaul/kv-core';
import { requireLength } from './bytes.js';
import { MAX_TENANT_BYTES } from './requests.js';

/** What a capability allows. */
export const CAPABILITY_RIGHTS = ['read', 'write', 'pin', 'evict', 'operate'] as const;
export type CapabilityRight = (typeof CAPABILITY_RIGHTS)[number];

/** What the control plane vouches for: whoever shows the token may do this in this namespace until then. */
export interface CapabilityClaims {
  readonly tenant: string;
  /** 32 bytes. All zero: every namespace of every tenant, for operators. */
  readonly namespaceId: Uint8Array;
  readonly rights: readonly CapabilityRight[];
  readonly issuedUnixMs: number;
  readonly expiresUnixMs: number;
}

/**
 * Token, 192 bytes, little-endian: magic `LHC1`, u8 rights (bit i = `CAPABILITY_RIGHTS[i]`), u8 0, u16 tenant bytes,
 * u32 key id, u32 0, u64 issued and u64 expires (Unix ms), 32 bytes namespace id, 64 bytes tenant (UTF-8, zero
 * padded), 64 bytes Ed25519 signature over all before it.
 */
export const CAPABILITY_BYTES = 192;
const MAGIC = Buffer.from('LHC1', 'ascii');
const AT = { rights: 4, zero: 5, tenantBytes: 6, keyId: 8, zero2: 12, issued: 16, expires: 24, namespace: 32 } as const;
const TENANT_AT = 64;
const SIGNATURE_AT = 128;

/** Which of the verifier's keys signed: the first four bytes of the SHA-256 of the public key's DER form. */
export function capabilityKeyId(key: KeyObject): number {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return createHash('sha256')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest()
    .readUInt32LE(0);
}

/** Signs a capability with an Ed25519 private key. @throws AppError `INVALID_ARGUMENT` by field. */
export function mintCapability(claims: CapabilityClaims, privateKey: KeyObject): Buffer {
  const tenant = Buffer.from(claims.tenant, 'utf8');
  if (tenant.length > MAX_TENANT_BYTES || tenant.includes(0)) {
    throw invalidArgument('tenant', `tenant must have at most ${MAX_TENANT_BYTES} bytes, none of them zero.`);
  }
  if (claims.expiresUnixMs <= claims.issuedUnixMs) {
    throw invalidArgument('expiresUnixMs', 'expiresUnixMs must be after issuedUnixMs.');
  }
  const token = Buffer.alloc(CAPABILITY_BYTES);
  token.set(MAGIC, 0);
  token.writeUInt8(rightsBits(claims.rights), AT.rights);
  token.writeUInt16LE(tenant.length, AT.tenantBytes);
  token.writeUInt32LE(capabilityKeyId(privateKey), AT.keyId);
  token.writeBigUInt64LE(BigInt(Math.floor(claims.issuedUnixMs)), AT.issued);
  token.writeBigUInt64LE(BigInt(Math.floor(claims.expiresUnixMs)), AT.expires);
  token.set(requireLength('namespaceId', claims.namespaceId, KEY_BYTES), AT.namespace);
  token.set(tenant, TENANT_AT);
  token.set(sign(null, token.subarray(0, SIGNATURE_AT), privateKey), SIGNATURE_AT);
  return token;
}

/**
 * Reads a token whose signature holds. Expiry is the caller's to check at every use: a signature stays valid.
 *
 * @param keys Ed25519 public keys by key id; several during a rotation.
 * @throws AppError `KV_CAPABILITY_INVALID` without saying which check failed.
 */
export function verifyCapability(token: Uint8Array, keys: ReadonlyMap<number, KeyObject>): CapabilityClaims {
  if (token.length !== CAPABILITY_BYTES) throw capabilityErrors.invalid();
  const bytes = Buffer.from(token.buffer, token.byteOffset, token.byteLength);
  const key = keys.get(bytes.readUInt32LE(AT.keyId));
  const signed = bytes.subarray(0, SIGNATURE_AT);
  if (!key || !verify(null, signed, key, bytes.subarray(SIGNATURE_AT))) throw capabilityErrors.invalid();
  const tenantBytes = bytes.readUInt16LE(AT.tenantBytes);
  const sound =
    timingSafeEqual(bytes.subarray(0, MAGIC.length), MAGIC) &&
    bytes.readUInt8(AT.zero) === 0 &&
    bytes.readUInt32LE(AT.zero2) === 0 &&
    bytes.readUInt8(AT.rights) >> CAPABILITY_RIGHTS.length === 0 &&
    tenantBytes <= MAX_TENANT_BYTES;
  if (!sound) throw capabilityErrors.invalid();
  return {
    tenant: bytes.toString('utf8', TENANT_AT, TENANT_AT + tenantBytes),
    namespaceId: Uint8Array.prototype.slice.call(bytes, AT.namespace, AT.namespace + KEY_BYTES),
    rights: CAPABILITY_RIGHTS.filter((_, bit) => (bytes.readUInt8(AT.rights) >> bit) & 1),
    issuedUnixMs: Number(bytes.readBigUInt64LE(AT.issued)),
    expiresUnixMs: Number(bytes.readBigUInt64LE(AT.expires)),
  };
}

function rightsBits(rights: readonly CapabilityRight[]): number {
  return rights.reduce((bits, right) => bits | (1 << CAPABILITY_RIGHTS.indexOf(right)), 0);
}

/** Why a capability is refused. Nothing of the token is told. */
export const capabilityErrors = {
  invalid: (): AppError =>
    new AppError({
      code: 'UNAUTHENTICATED',
      reason: 'KV_CAPABILITY_INVALID',
      message: 'The call carries no capability that this store accepts.',
    }),
  expired: (): AppError =>
    new AppError({
      code: 'UNAUTHENTICATED',
      reason: 'KV_CAPABILITY_EXPIRED',
      message: 'The capability has expired; ask the control plane for a new one.',
    }),
  right: (message: string): AppError =>
    new AppError({ code: 'PERMISSION_DENIED', reason: 'KV_CAPABILITY_RIGHT', message }),
};

/** Request metadata key of the token, as base64url text: gRPC calls have room for it without a key of their own. */
export const CAPABILITY_HEADER = 'longhaul-capability';
