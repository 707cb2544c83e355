import type { GetFrame, GetRequest } from '@longhaul/kv-core';
import { AppError } from '@longhaul/kernel';
import type { CallGuard } from '../call-guard.js';
import { checkKeys } from '../check-keys.js';
import type { LeaseTable, Namespaces } from '../residence/index.js';
import { storeErrors } from '../store-errors.js';
import type { StoreLimits } from '../store-options.js';
import { type GetParts, GetStream } from './get-stream.js';

export interface GetsParts extends GetParts {
  readonly namespaces: Pick<Namespaces, 'require'>;
  readonly leases: Pick<LeaseTable, 'alive' | 'extend' | 'require'>;
  readonly limits: GetParts['limits'] & Pick<StoreLimits, 'maxGets' | 'maxLookupKeys'>;
}

/** The gets under way, bounded in number. */
export class Gets {
  readonly #parts: GetsParts;
  #underWay = 0;

  constructor(parts: GetsParts) {
    this.#parts = parts;
  }

  async *frames(request: GetRequest, guard: CallGuard): AsyncGenerator<GetFrame, void, undefined> {
    const { leases, limits, namespaces, observer } = this.#parts;
    const record = namespaces.require(request.namespace);
    checkKeys(request.keys, limits.maxLookupKeys);
    const lease = leases.require(request.leaseId);
    if (lease.namespace !== record.ordinal) throw storeErrors.namespace('The lease is of another namespace.');
    if (this.#underWay >= limits.maxGets) {
      throw storeErrors.busy(`${limits.maxGets} gets are under way.`, { limit: limits.maxGets });
    }
    this.#count(1);
    try {
      yield* new GetStream(this.#parts, request, { lease, guard }).frames();
    } catch (error) {
      observer.counted('gets_failed', 1, { reason: AppError.from(error).reason });
      throw error;
    } finally {
      this.#count(-1);
    }
  }

  #count(by: number): void {
    const { limits, observer } = this.#parts;
    this.#underWay += by;
    observer.measured('gets', this.#underWay, limits.maxGets, {});
  }
}
