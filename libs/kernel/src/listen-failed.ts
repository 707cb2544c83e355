import { AppError } from './app-error.js';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
  /** What was to listen there, as in "gRPC". */
  readonly what: string;
  /** The setting that chooses another port. */
  readonly flag: string;
}

/** Why nothing listens at an address: `ADDRESS_IN_USE` or `LISTEN_FAILED`. */
export function listenFailed({ host, port, what, flag }: ListenAddress, cause: unknown): AppError {
  const inUse = addressInUse(cause);
  return new AppError({
    code: inUse ? 'ALREADY_EXISTS' : 'INTERNAL',
    reason: inUse ? 'ADDRESS_IN_USE' : 'LISTEN_FAILED',
    message: inUse
      ? `Port ${port} on ${host}, for ${what}, is in use by another program; choose another with ${flag}.`
      : `Cannot listen on ${host}, port ${port}, for ${what}.`,
    cause,
  });
}

/** gRPC says it in words only. */
function addressInUse(cause: unknown): boolean {
  if (!(cause instanceof Error)) return (cause as { code?: unknown } | null)?.code === 'EADDRINUSE';
  return (cause as NodeJS.ErrnoException).code === 'EADDRINUSE' || cause.message.includes('EADDRINUSE');
}
