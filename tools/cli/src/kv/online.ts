import { mustReadBytes } from '@longhaul/files';
import { invalidArgument } from '@longhaul/kernel';
import { connectKvStore, type KvStoreClient } from '@longhaul/kv-client';
import { BlockCodec, FORMAT_MAJOR, KEY_BYTES, type Namespace, type StoreStat } from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import { readTlsIdentity } from '@longhaul/platform-grpc';
import { integerFlag, type Flags } from '../flags.js';
import { qualityName } from './block-words.js';
import { hex } from './print.js';

/** A capability has some 200 bytes. */
const MAX_CAPABILITY_BYTES = 4096;

/** Flags of commands that talk to a running store. */
export const ONLINE_FLAGS = [
  ...['address', 'namespace', 'model', 'tenant', 'epoch'],
  ...['tls-ca', 'tls-cert', 'tls-key', 'capability'],
] as const;

/** A visible block of a running store. */
export interface OnlineBlock {
  readonly key: string;
  readonly parentKey: string;
  readonly position: number;
  readonly tokens: number;
  readonly quality: string;
  readonly tier: string;
}

/** Counters of a running store: of all namespaces, or of the one that is named. */
export async function statOnline(flags: Flags): Promise<StoreStat> {
  const namespace = flags.values['namespace'] === undefined ? null : namespaceOf(flags);
  return withStore(flags, (client) => client.stat(namespace));
}

/** Every visible block of one namespace; a block that lies in several tiers is listed once per tier. */
export async function listOnline(flags: Flags): Promise<OnlineBlock[]> {
  const namespace = namespaceOf(flags);
  return withStore(flags, async (client) => {
    const workerId = `longhaul-cli-${process.pid}`;
    await client.handshake({ namespace, formatVersions: [FORMAT_MAJOR], codecs: [BlockCodec.raw], workerId });
    const blocks: OnlineBlock[] = [];
    for await (const { events } of client.snapshot(namespace)) {
      for (const event of events) {
        if (event.kind !== 'stored') continue;
        event.keys.forEach((key, i) =>
          blocks.push({
            key: hex(key),
            parentKey: hex(event.keys[i - 1] ?? event.parentKey),
            position: (event.firstBlock + i) * event.blockTokens,
            tokens: event.blockTokens,
            quality: qualityName(event.quality),
            tier: event.tier,
          }),
        );
      }
    }
    return blocks;
  });
}

async function withStore<T>(flags: Flags, use: (client: KvStoreClient) => Promise<T>): Promise<T> {
  const address = flags.values['address'] ?? '';
  const capability = capabilityOf(flags);
  const tls = tlsOf(flags);
  const client = connectKvStore({
    address,
    checksum: crc32c,
    transport: 'grpc',
    ...(capability ? { capability: () => capability } : {}),
    ...(tls ? { tls } : {}),
  });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}

function namespaceOf(flags: Flags): Namespace {
  const { namespace, model, tenant } = flags.values;
  if (namespace === undefined || model === undefined || tenant === undefined)
    throw invalidArgument('--namespace', '--namespace HEX, --model HEX and --tenant NAME say whose blocks are meant.');
  return {
    id: keyBytes('--namespace', namespace),
    modelFingerprint: keyBytes('--model', model),
    tenant,
    deployEpoch: integerFlag(flags, 'epoch', { min: 0, max: 2 ** 32 - 1, default: 0 }),
  };
}

/** @throws AppError `INVALID_ARGUMENT` naming the flag. */
export function keyBytes(flag: string, text: string): Uint8Array {
  if (!/^[0-9a-fA-F]{64}$/.test(text))
    throw invalidArgument(flag, `${flag} must be ${KEY_BYTES} bytes in hexadecimal: 64 digits.`);
  return Uint8Array.from(Buffer.from(text, 'hex'));
}

function capabilityOf(flags: Flags): Uint8Array | null {
  const path = flags.values['capability'];
  if (path === undefined) return null;
  const file = { path, maxBytes: MAX_CAPABILITY_BYTES, option: '--capability', reason: 'INVALID_ARGUMENT' };
  return Uint8Array.from(mustReadBytes(file));
}

function tlsOf(flags: Flags) {
  const { 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key } = flags.values;
  if (ca === undefined && cert === undefined && key === undefined) return null;
  if (ca === undefined || cert === undefined || key === undefined)
    throw invalidArgument('--tls-ca', '--tls-ca, --tls-cert and --tls-key belong together.');
  return readTlsIdentity({ ca, cert, key }, '--tls');
}
