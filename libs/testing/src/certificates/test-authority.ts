import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { der } from './der.js';

/** PEM of one party and of the authority that it trusts. */
export interface TestIdentity {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface IssueOptions {
  /** Default: an hour from now. */
  readonly expires?: Date;
}

/** An authority that lives as long as a test and signs certificates for loopback. */
export interface TestAuthority {
  readonly ca: Buffer;
  /** A certificate for clients and servers on 127.0.0.1, ::1 and localhost. */
  issue(name: string, options?: IssueOptions): TestIdentity;
}

const OID = {
  ecdsaSha256: '1.2.840.10045.4.3.2',
  commonName: '2.5.4.3',
  basicConstraints: '2.5.29.19',
  keyUsage: '2.5.29.15',
  extendedKeyUsage: '2.5.29.37',
  alternativeNames: '2.5.29.17',
  subjectKey: '2.5.29.14',
  authorityKey: '2.5.29.35',
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
} as const;
const HOUR_MS = 3_600_000;
const ALGORITHM = der.sequence(der.oid(OID.ecdsaSha256));

/** Makes an authority with a new P-256 key. Nothing is written to disk, and no other program is needed. */
export function createTestAuthority(name = 'test authority'): TestAuthority {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const authorityKey = keyIdentifier(publicKey);
  const own = certificate({
    issuer: name,
    subject: name,
    publicKey,
    signer: privateKey,
    expires: new Date(Date.now() + HOUR_MS),
    extensions: [
      extension(OID.basicConstraints, der.sequence(der.boolean(true)), true),
      // Certificates and revocation lists.
      extension(OID.keyUsage, der.bitString(Buffer.from([0x06]), 1), true),
      extension(OID.subjectKey, der.octetString(authorityKey)),
    ],
  });
  return {
    ca: own,
    issue(subject, options = {}) {
      const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const cert = certificate({
        issuer: name,
        subject,
        publicKey: pair.publicKey,
        signer: privateKey,
        expires: options.expires ?? new Date(Date.now() + HOUR_MS),
        extensions: leafExtensions(pair.publicKey, authorityKey),
      });
      const key = Buffer.from(pair.privateKey.export({ type: 'pkcs8', format: 'pem' }));
      return { ca: own, cert, key };
    },
  };
}

function leafExtensions(publicKey: KeyObject, authorityKey: Uint8Array): Buffer[] {
  const addresses = [Buffer.from([127, 0, 0, 1]), Buffer.concat([Buffer.alloc(15), Buffer.from([1])])];
  const names = [
    der.context(2, false, Buffer.from('localhost', 'ascii')),
    ...addresses.map((bytes) => der.context(7, false, bytes)),
  ];
  return [
    extension(OID.basicConstraints, der.sequence(), true),
    // Digital signature.
    extension(OID.keyUsage, der.bitString(Buffer.from([0x80]), 7), true),
    extension(OID.extendedKeyUsage, der.sequence(der.oid(OID.serverAuth), der.oid(OID.clientAuth))),
    extension(OID.alternativeNames, der.sequence(...names)),
    extension(OID.subjectKey, der.octetString(keyIdentifier(publicKey))),
    extension(OID.authorityKey, der.sequence(der.context(0, false, authorityKey))),
  ];
}

interface CertificateFields {
  issuer: string;
  subject: string;
  publicKey: KeyObject;
  signer: KeyObject;
  expires: Date;
  extensions: readonly Buffer[];
}

/** An X.509 version 3 certificate in PEM [RFC 5280]. */
function certificate(fields: CertificateFields): Buffer {
  const begins = new Date(Math.min(Date.now(), fields.expires.getTime()) - HOUR_MS);
  const body = der.sequence(
    der.context(0, true, der.integer(Buffer.from([2]))),
    der.integer(randomBytes(12)),
    ALGORITHM,
    distinguishedName(fields.issuer),
    der.sequence(der.time(begins), der.time(fields.expires)),
    distinguishedName(fields.subject),
    fields.publicKey.export({ type: 'spki', format: 'der' }),
    der.context(3, true, der.sequence(...fields.extensions)),
  );
  const signature = sign('sha256', body, fields.signer);
  const encoded = der.sequence(body, ALGORITHM, der.bitString(signature)).toString('base64');
  const lines = encoded.match(/.{1,64}/g) ?? [];
  return Buffer.from(['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n'));
}

function distinguishedName(commonName: string): Buffer {
  return der.sequence(der.set(der.sequence(der.oid(OID.commonName), der.utf8(commonName))));
}

function extension(oid: string, value: Uint8Array, critical = false): Buffer {
  const flag = critical ? [der.boolean(true)] : [];
  return der.sequence(der.oid(oid), ...flag, der.octetString(value));
}

function keyIdentifier(publicKey: KeyObject): Buffer {
  return createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest();
}
