import { readFileSync } from 'node:fs';
import { credentials, ServerCredentials, type ChannelCredentials } from '@grpc/grpc-js';
import { AppError } from '@longhaul/kernel';

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

/** @throws AppError `TLS_FILE_UNREADABLE`, naming the file. */
export function readTlsIdentity(files: TlsFiles): TlsIdentity {
  return { ca: readPem('ca', files.ca), cert: readPem('cert', files.cert), key: readPem('key', files.key) };
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

function readPem(what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw new AppError({
      code: 'INVALID_ARGUMENT',
      reason: 'TLS_FILE_UNREADABLE',
      message: `The TLS ${what} file ${path} cannot be read.`,
      field: what,
      cause,
    });
  }
}
