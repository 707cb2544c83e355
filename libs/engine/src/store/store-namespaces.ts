import {
  deriveNamespaceKey,
  macKey,
  namespaceId,
  rootKey,
  type HandshakeReply,
  type Namespace,
  FORMAT_MAJOR,
} from '@longhaul/kv-core';
import type { Clock } from '../ports.js';
import { StoreHealth } from './store-health.js';
import type { PrefixStoreOptions } from './store-options.js';

/** The spaces remembered; the one used longest ago is forgotten first. */
const MAX_SPACES = 1024;
const FORMAT_VERSIONS = [FORMAT_MAJOR];
const RAW_CODECS = [0];

/** One tenant's salted space: its name for the store, and the keys that never leave the worker. */
export interface StoreSpace {
  readonly namespace: Namespace;
  readonly namespaceKey: Uint8Array;
  readonly macKey: Uint8Array;
  /** Whether the store lets this worker read, and write, in this space. */
  readonly reads: StoreHealth;
  readonly writes: StoreHealth;
  /** Agreed with the store; null until then. */
  handshake: Promise<HandshakeReply> | null;
}

/** Namespaces by cache salt, which the edge writes as `tenant:salt`. */
export class StoreNamespaces {
  readonly #options: PrefixStoreOptions;
  readonly #clock: Clock;
  readonly #spaces = new Map<string, StoreSpace>();

  constructor(options: PrefixStoreOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  of(cacheSalt: string): StoreSpace {
    const found = this.#spaces.get(cacheSalt) ?? this.#create(cacheSalt);
    this.#spaces.delete(cacheSalt);
    this.#spaces.set(cacheSalt, found);
    for (const oldest of this.#spaces.keys()) {
      if (this.#spaces.size <= MAX_SPACES) break;
      this.#spaces.delete(oldest);
    }
    return found;
  }

  /** What the first block is chained to. Other rotations of the same tokens are other KV. */
  root(space: StoreSpace, ropeKey: string): Uint8Array {
    return rootKey(this.#options.modelFingerprint, space.namespaceKey, { ropeKey });
  }

  /** Once per space; again after it has failed. */
  handshake(space: StoreSpace, signal: AbortSignal): Promise<HandshakeReply> {
    if (space.handshake !== null) return space.handshake;
    const asked = this.#options.store.handshake(
      {
        namespace: space.namespace,
        formatVersions: FORMAT_VERSIONS,
        codecs: RAW_CODECS,
        workerId: this.#options.workerId,
      },
      { signal },
    );
    space.handshake = asked;
    asked.catch(() => {
      if (space.handshake === asked) space.handshake = null;
    });
    return asked;
  }

  /** The store may be another one after a failure: agree again. */
  forgetHandshakes(): void {
    for (const space of this.#spaces.values()) space.handshake = null;
  }

  #create(cacheSalt: string): StoreSpace {
    const colon = cacheSalt.indexOf(':');
    const tenant = colon < 0 ? '' : cacheSalt.slice(0, colon);
    const { tenantSecret, modelFingerprint, deployEpoch, limits } = this.#options;
    const namespaceKey = deriveNamespaceKey(tenantSecret, tenant, cacheSalt.slice(colon + 1));
    return {
      namespace: { modelFingerprint, id: namespaceId(namespaceKey), tenant, deployEpoch },
      namespaceKey,
      macKey: macKey(namespaceKey),
      reads: new StoreHealth(this.#clock, limits),
      writes: new StoreHealth(this.#clock, limits),
      handshake: null,
    };
  }
}
