import type { BlockStore, GetFrame, GetRequest } from '@longhaul/kv-core';

/** What a test does to the frames of gets. */
export interface FrameHook {
  /** Called for every frame before it is handed on; may wait, replace or throw. */
  frame(frame: GetFrame): Promise<GetFrame> | GetFrame;
}

/** A store that does what another does, but for its get streams. */
export function hookedStore(store: BlockStore, hook: FrameHook): BlockStore {
  return {
    handshake: (request, call) => store.handshake(request, call),
    lookupPrefix: (request, call) => store.lookupPrefix(request, call),
    beginPut: (request, call) => store.beginPut(request, call),
    async *get(request: GetRequest, call): AsyncGenerator<GetFrame> {
      for await (const frame of store.get(request, call)) yield await hook.frame(frame);
    },
    renewLease: (lease, leaseMs, call) => store.renewLease(lease, leaseMs, call),
    releaseLease: (lease, call) => store.releaseLease(lease, call),
    pin: (request, call) => store.pin(request, call),
    unpin: (namespace, keys, call) => store.unpin(namespace, keys, call),
    evict: (request, call) => store.evict(request, call),
    watch: (request, call) => store.watch(request, call),
    snapshot: (namespace, call) => store.snapshot(namespace, call),
    stat: (namespace, call) => store.stat(namespace, call),
  };
}
