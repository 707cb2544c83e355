import { FORMAT_MAJOR, macKey, namespaceId, type HandshakeReply, type Namespace } from '@longhaul/kv-core';
import type { ChainRoots } from '../keys/chain-roots.js';
import { SpaceTable, type SpaceName } from '../keys/space-table.js';
import type { Clock } from '../ports.js';
import { StoreHealth } from './store-health.js';
import type { PrefixStoreOptions } from './store-options.js';

const FORMAT_VERSIONS = [FORMAT_MAJOR];
const RAW_CODECS = [0];

/** One tenant's salted space: its name for the store, and the key that never leaves the worker. */
export interface StoreSpace {
  readonly namespace: Namespace;
  readonly macKey: Uint8Array;
  /** Whether the store lets this worker read, and write, in this space. */
  readonly reads: StoreHealth;
  readonly writes: StoreHealth;
  /** Agreed with the store; null until then. */
  handshake: Promise<HandshakeReply> | null;
}

/** Namespaces by tenant and salt. */
export class StoreNamespaces {
  readonly #options: PrefixStoreOptions;
  readonly #roots: ChainRoots;
  readonly #clock: Clock;
  readonly #spaces = new SpaceTable((name) => this.#create(name));

  constructor(options: PrefixStoreOptions, roots: ChainRoots, clock: Clock) {
    this.#options = options;
    this.#roots = roots;
    this.#clock = clock;
  }

  of(name: SpaceName): StoreSpace {
    return this.#spaces.of(name);
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
    for (const space of this.#spaces.all()) space.handshake = null;
  }

  #create(name: SpaceName): StoreSpace {
    const { modelFingerprint, deployEpoch, limits } = this.#options;
    const namespaceKey = this.#roots.namespaceKey(name);
    return {
      namespace: { modelFingerprint, id: namespaceId(namespaceKey), tenant: name.tenant, deployEpoch },
      macKey: macKey(namespaceKey),
      reads: new StoreHealth(this.#clock, limits),
      writes: new StoreHealth(this.#clock, limits),
      handshake: null,
    };
  }
}
