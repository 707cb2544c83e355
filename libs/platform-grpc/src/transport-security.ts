import { credentials, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';
import { mustReadBytes } from '@longhaul/files';

/** A bundle of all public authorities has some 200 KiB. */
export const MAX_PEM_BYTES = 2 ** 20;

/** Where one party's identity and the authority it trusts are, PEM. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** The same, read. The key never leaves the process. */
export interface TlsIdentity {
  readonly ca: Buffer;
  readonly cert: Buffer;
  readonly key: Buffer;
}

/**
 * @param flags what the flags of the three files begin with: `--tls` for `--tls-ca`, `--tls-cert` and `--tls-key`.
 * @throws AppError `TLS_FILE_UNREADABLE`, naming flag and file.
 */
export function readTlsIdentity(files: TlsFiles, flags: string): TlsIdentity {
  const read = (what: keyof TlsFiles): Buffer =>
    mustReadBytes({
      path: files[what],
      maxBytes: MAX_PEM_BYTES,
      option: `${flags}-${what}`,
      reason: 'TLS_FILE_UNREADABLE',
    });
  return { ca: read('ca'), cert: read('cert'), key: read('key') };
}

/** Mutual TLS for a server: a client without a certificate of this authority does not get as far as a call. */
export function serverCredentials({ ca, cert, key }: TlsIdentity): ServerCredentials {
  return ServerCredentials.createSsl(ca, [{ cert_chain: cert, private_key: key }], true);
}

/** Mutual TLS for a client, or plain text without an identity. */
export function clientCredentials(identity?: TlsIdentity): ChannelCredentials {
  return identity ? credentials.createSsl(identity.ca, identity.key, identity.cert) : credentials.createInsecure();
}

/** True for addresses that only this machine reaches. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
