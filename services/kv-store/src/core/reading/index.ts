import type { GetFrame, GetRequest, PrefixLookup, PrefixMatch } from '@longhaul/kv-core';
import type { CallGuard } from '../call-guard.js';
import type { LeaseTable, Namespaces } from '../residence/index.js';
import type { StoreLimits } from '../store-options.js';
import { CopyReader, type CopyParts } from './copy-reader.js';
import type { GetParts } from './get-stream.js';
import { Gets } from './gets.js';
import { type LookupParts, lookupPrefix } from './lookup.js';
import { Promoter, type PromoterParts } from './promoter.js';
import { ReadBudget } from './read-ahead.js';

/** How blocks are found and go out. */
export interface Reading {
  /** @throws AppError as `BlockStore.lookupPrefix`. */
  lookup(request: PrefixLookup): PrefixMatch;
  /** Frames of leased blocks, checked; `return` ends it early. @throws AppError as `BlockStore.get`, at the first frame. */
  get(request: GetRequest, guard: CallGuard): AsyncGenerator<GetFrame, void, undefined>;
}

export type ReadingParts = LookupParts &
  CopyParts &
  Omit<PromoterParts, 'copies' | 'ram'> &
  Omit<GetParts, 'budget' | 'copies' | 'promoter'> & {
    readonly leases: LeaseTable;
    readonly namespaces: Namespaces;
    readonly limits: StoreLimits;
  };

export function createReading(parts: ReadingParts): Reading {
  const copies = new CopyReader(parts);
  const promoter = new Promoter({ ...parts, copies, ram: parts.tiers.ram });
  const budget = new ReadBudget(parts.limits.maxReadAheadBytes, parts.observer);
  const gets = new Gets({ ...parts, copies, promoter, budget });
  return {
    lookup: (request) => lookupPrefix(parts, request),
    get: (request, guard) => gets.frames(request, guard),
  };
}
