import type { Checksum } from '@longhaul/kv-core';
import type { Extent, Located } from './extent-catalogue.js';

interface Leads {
  readonly bytes: Promise<Uint8Array>;
  readonly length: number;
}

/**
 * The first bytes of objects, fetched for all objects of an extent with one request. A store that looks at every header
 * when it starts, or at the headers of a prefix, needs a request per extent, not per block. Least recently used go first.
 */
export class LeadCache {
  readonly #limitBytes: number;
  readonly #checksum: Checksum;
  readonly #fetch: (extent: Extent, offset: number, length: number) => Promise<Uint8Array>;
  readonly #leads = new Map<Extent, Leads>();
  #bytes = 0;

  /** @param fetch reads a part of an extent. */
  constructor(
    limitBytes: number,
    checksum: Checksum,
    fetch: (extent: Extent, offset: number, length: number) => Promise<Uint8Array>,
  ) {
    this.#limitBytes = limitBytes;
    this.#checksum = checksum;
    this.#fetch = fetch;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Part of an object; null when it reaches beyond the lead, or the lead is damaged and the object itself must be asked.
   *
   * @throws AppError whatever the fetch throws.
   */
  async read(located: Located, offset: number, length: number): Promise<Uint8Array | null> {
    const { extent, leadOffset, leadBytes, leadCrc32c } = located;
    if (length === 0 || offset + length > leadBytes || leadsLength(extent) > this.#limitBytes) return null;
    const begin = leadOffset - extent.leads[0];
    const all = await this.#get(extent);
    const lead = all.subarray(begin, begin + leadBytes);
    // A copy: what is cached must not be written to.
    return this.#checksum(lead) === leadCrc32c ? lead.slice(offset, offset + length) : null;
  }

  drop(extent: Extent): void {
    const leads = this.#leads.get(extent);
    if (!leads) return;
    this.#leads.delete(extent);
    this.#bytes -= leads.length;
  }

  #get(extent: Extent): Promise<Uint8Array> {
    const known = this.#leads.get(extent);
    this.drop(extent);
    const bytes = known?.bytes ?? this.#fetch(extent, extent.leads[0], leadsLength(extent));
    this.#keep(extent, { bytes, length: leadsLength(extent) });
    // What failed is asked for again by the next one.
    bytes.catch(() => {
      if (this.#leads.get(extent)?.bytes === bytes) this.drop(extent);
    });
    return bytes;
  }

  #keep(extent: Extent, leads: Leads): void {
    this.#leads.set(extent, leads);
    this.#bytes += leads.length;
    for (const oldest of this.#leads.keys()) {
      if (this.#bytes <= this.#limitBytes) return;
      this.drop(oldest);
    }
  }
}

function leadsLength({ leads }: Extent): number {
  return leads[1] - leads[0];
}
