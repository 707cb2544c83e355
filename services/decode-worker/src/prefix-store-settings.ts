import { values, type Settings } from '@longhaul/platform-config';

/** `off`, or where the store is. */
export function storeAddress<const Word extends string>(...words: readonly Word[]) {
  return values
    .text()
    .refine((text) => (words as readonly string[]).includes(text) || values.address().safeParse(text).success, {
      error: `must be ${words.join(', ')} or host:port`,
    });
}

/** How the engine uses a store of KV blocks, whichever it is. */
export const prefixStoreSettings = {
  kvLoad: {
    schema: values.oneOf('auto', 'always', 'never').default('auto'),
    description:
      'Whether a prefix found in the KV store is loaded: auto - where that is faster than computing it, by what was measured.',
  },
  kvBlockTokens: {
    schema: values.integer(16, 1024).default(64),
    description: 'Tokens of a stored block, a multiple of 16; blocks of other sizes are not found.',
    unit: 'tokens',
  },
  kvDeployEpoch: {
    schema: values.integer(0, 0xffffffff).default(0),
    description: 'Raise it to leave all KV behind that was stored before.',
  },
  kvLookupTimeoutMs: {
    schema: values.integer(1).default(250),
    description: 'A lookup in the KV store that takes longer is a miss.',
    unit: 'ms',
  },
  kvLoadTimeoutMs: {
    schema: values.integer(1).default(30_000),
    description: 'What has not been loaded by then is computed.',
    unit: 'ms',
  },
  kvOverlapPatienceMs: {
    schema: values.integer(0, 60_000).default(250),
    description:
      'How long a step may wait for the last layers of a prefix that is being loaded while it computes; 0 computes only over prefixes that are there as a whole.',
    unit: 'ms',
  },
  kvFlushTimeoutMs: {
    schema: values.integer(0).default(10_000),
    description: 'How long blocks may still be written to the KV store after the last request.',
    unit: 'ms',
  },
  kvTenantSecret: {
    schema: values.text().optional(),
    description:
      'Secret that the namespaces of all tenants are derived from, at least 16 bytes; hexadecimal or any text.',
    secret: true,
    defaultText: 'none; embedded keeps one beside the blocks',
  },
} satisfies Settings;

/** How a worker reaches a kv-store service. */
export const remoteStoreSettings = {
  kvStore: {
    schema: storeAddress('off').default('off'),
    allowed: 'off, host:port',
    description: 'Address of a kv-store service that keeps KV beyond this process, or off.',
  },
  kvTlsCa: { schema: values.text().optional(), description: 'PEM of the authority that signs the KV store.' },
  kvTlsCert: { schema: values.text().optional(), description: 'PEM of the certificate shown to the KV store.' },
  kvTlsKey: { schema: values.text().optional(), description: 'PEM of its private key.' },
  kvCapabilityFile: {
    schema: values.text().optional(),
    description: 'File with the capability shown to the KV store; read again when it is replaced.',
  },
} satisfies Settings;
