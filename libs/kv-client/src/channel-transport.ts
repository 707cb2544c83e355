import { AppError, monotonicMs } from '@longhaul/kernel';
import { equalBytes } from '@longhaul/kv-core';
import { callUnary } from '@longhaul/platform-grpc';
import { type BulkTransport, type CallScope, ClientChannel, clientErrors, meansGone } from '@longhaul/kv-transfer';
import { createGrpcTransport } from './grpc-transport.js';
import type { CompleteOptions } from './options.js';
import type { Stub } from './stub.js';

interface IdleChannel {
  readonly channel: ClientChannel;
  readonly capability: Uint8Array;
  readonly sinceMs: number;
}

const NO_CAPABILITY = new Uint8Array(0);
/** Shorter than the store's own patience with an idle channel. */
const MAX_IDLE_MS = 20_000;
/** How long gRPC carries the bytes after the data port could not be reached. */
const FALLBACK_MS = 30_000;

/**
 * Puts and gets over data channels that are opened with tokens from the gRPC API and reused while the capability stays
 * the same. Where the store has no data channels, or they cannot be reached, gRPC carries the bytes.
 */
export function createChannelTransport(stub: Stub, options: CompleteOptions): BulkTransport {
  const fallback = createGrpcTransport(stub);
  const open = new Set<ClientChannel>();
  const idle: IdleChannel[] = [];
  let grpcUntilMs = 0;

  const take = async (scope: CallScope): Promise<ClientChannel | null> => {
    const capability = options.capability?.() ?? NO_CAPABILITY;
    for (let kept = idle.pop(); kept; kept = idle.pop()) {
      const fresh = monotonicMs() - kept.sinceMs < MAX_IDLE_MS && equalBytes(kept.capability, capability);
      if (fresh && kept.channel.usable) return kept.channel;
      kept.channel.destroy();
      open.delete(kept.channel);
    }
    if (monotonicMs() < grpcUntilMs) return null;
    try {
      const give = (channel: ClientChannel) => {
        if (channel.usable && open.has(channel)) idle.push({ channel, capability, sinceMs: monotonicMs() });
        else open.delete(channel);
      };
      const channel = await dial(stub, options, { scope, onIdle: give });
      open.add(channel);
      return channel;
    } catch (error) {
      const known = AppError.from(error);
      if (known.code === 'UNIMPLEMENTED') grpcUntilMs = Number.POSITIVE_INFINITY;
      else if (meansGone(known)) grpcUntilMs = monotonicMs() + FALLBACK_MS;
      else throw known;
      return null;
    }
  };

  return {
    openPut: async (scope) => (await take(scope))?.openPut(scope) ?? fallback.openPut(scope),
    openGet: async (scope) => (await take(scope))?.openGet(scope) ?? fallback.openGet(scope),
    close() {
      for (const channel of open) channel.destroy(clientErrors.unavailable('The client was closed.'));
      open.clear();
      idle.length = 0;
    },
  };
}

interface Dial {
  scope: CallScope;
  onIdle(channel: ClientChannel): void;
}

async function dial(stub: Stub, options: CompleteOptions, { scope, onIdle }: Dial): Promise<ClientChannel> {
  const { port, token, tls } = await callUnary<{ port: number; token: Buffer; tls: boolean }>(
    (metadata, callOptions, callback) => stub.client.openDataChannel({}, metadata, callOptions, callback),
    stub.callOptions(scope),
  );
  // Bytes never travel less protected than the calls do.
  if (tls !== (options.tls !== undefined)) throw clientErrors.protocol('The data port is protected differently.');
  const { checksum, limits, deadlines } = options;
  const identity = options.tls ? { tls: options.tls } : {};
  const channel = { checksum, maxFrameBytes: limits.maxFrameBytes, openMs: deadlines.controlMs, ...identity };
  return ClientChannel.open({ host: hostOf(options.address), port, token }, channel, onIdle);
}

function hostOf(address: string): string {
  return address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');
}
