import { equalBytes, type Namespace, TENANT_TAG_BYTES, tenantTag, keyName } from '@longhaul/kv-core';
import { storeErrors } from '../store-errors.js';
import type { TenantLimits, TenantTable } from '../store-options.js';

/** Bytes and blocks per tier, `[ram, disk, object]`. */
export interface Usage {
  readonly bytes: number[];
  readonly objects: number[];
}

/** What was asked and found, per namespace. */
export interface Counts {
  lookups: number;
  hitBlocks: number;
  missedBlocks: number;
  corruptBlocks: number;
}

export interface Tenant extends Usage {
  readonly name: string;
  readonly limits: TenantLimits;
  /** Memory promised to writes and promotions under way. */
  reservedBytes: number;
  hardPinnedBytes: number;
}

/** One model in one tenant's salted space. Recovered ones know neither id nor tenant before a handshake names them. */
export interface NamespaceRecord extends Usage {
  readonly ordinal: number;
  readonly tag: Uint8Array;
  readonly modelFingerprint: Uint8Array;
  readonly counts: Counts;
  id: Uint8Array | null;
  tenant: Tenant;
}

interface Binding {
  readonly id: Uint8Array;
  record: NamespaceRecord;
  deployEpoch: number;
}

const newUsage = (): Usage => ({ bytes: [0, 0, 0], objects: [0, 0, 0] });

/** Owner of what was found at start, until a handshake names it. */
const UNKNOWN_TENANT = '';

/**
 * Who has shaken hands, and what they have stored. A namespace id is bound to one tenant, one model and one deploy
 * epoch; a higher epoch binds it anew.
 */
export class Namespaces {
  readonly #table: TenantTable;
  readonly #maxNamespaces: number;
  readonly #records: NamespaceRecord[] = [];
  readonly #byTagAndModel = new Map<string, NamespaceRecord>();
  readonly #bindings = new Map<string, Binding>();
  /** Highest epoch found in storage, by tag: a handshake below it is of an old rollout. */
  readonly #epochFloors = new Map<string, number>();
  readonly #tenants = new Map<string, Tenant>();

  constructor(table: TenantTable, maxNamespaces: number) {
    this.#table = table;
    this.#maxNamespaces = maxNamespaces;
  }

  get count(): number {
    return this.#records.length;
  }

  record(ordinal: number): NamespaceRecord {
    const record = this.#records[ordinal];
    if (!record) throw new RangeError(`no namespace ${ordinal}`);
    return record;
  }

  /**
   * @returns `raised`: the epoch was raised, what earlier ones stored is void; `named`: the record has only now learnt
   * whose it is.
   */
  handshake(namespace: Namespace): { record: NamespaceRecord; raised: boolean; named: boolean } {
    checkNamespace(namespace);
    const { id, deployEpoch, modelFingerprint } = namespace;
    const bound = this.#bindings.get(keyName(id));
    const floor = Math.max(bound?.deployEpoch ?? 0, this.#epochFloors.get(keyName(tenantTag(id))) ?? 0);
    if (deployEpoch < floor) {
      throw storeErrors.namespace(`deploy_epoch ${deployEpoch} is below ${floor}: this rollout is over.`);
    }
    const sameEpoch = bound?.deployEpoch === deployEpoch;
    if (bound && sameEpoch && !equalBytes(bound.record.modelFingerprint, modelFingerprint)) {
      throw storeErrors.namespace('model_fp is not that of the model this namespace is bound to.');
    }
    if (bound && bound.record.tenant.name !== namespace.tenant) {
      throw storeErrors.namespace('tenant is not the one this namespace is bound to.');
    }
    const { record, named } = this.#claim(namespace);
    const raised = !sameEpoch && (bound !== undefined || deployEpoch > 0);
    if (bound) Object.assign(bound, { record, deployEpoch });
    else this.#bindings.set(keyName(id), { id: Uint8Array.from(id), record, deployEpoch });
    return { record, raised, named };
  }

  /** The record of a namespace that has shaken hands. @throws AppError `KV_NAMESPACE_MISMATCH`. */
  require(namespace: Namespace): NamespaceRecord {
    checkNamespace(namespace);
    const bound = this.#bindings.get(keyName(namespace.id));
    if (!bound) throw storeErrors.namespace('This namespace has not shaken hands with this start of the store.');
    if (!equalBytes(bound.record.modelFingerprint, namespace.modelFingerprint)) {
      throw storeErrors.namespace('model_fp is not that of the handshake.');
    }
    if (bound.record.tenant.name !== namespace.tenant) {
      throw storeErrors.namespace('tenant is not that of the handshake.');
    }
    if (bound.deployEpoch !== namespace.deployEpoch) {
      throw storeErrors.namespace(`deploy_epoch ${namespace.deployEpoch} is not the current ${bound.deployEpoch}.`);
    }
    return bound.record;
  }

  /** The record of a block found in storage; null when there are too many. */
  recover(tag: Uint8Array, modelFingerprint: Uint8Array, deployEpoch: number): NamespaceRecord | null {
    const record = this.#obtain(tag, modelFingerprint);
    const floor = this.#epochFloors.get(keyName(tag)) ?? 0;
    if (record) this.#epochFloors.set(keyName(tag), Math.max(floor, deployEpoch));
    return record;
  }

  /** Every record with the tag of an id: the current model's and those of earlier rollouts. */
  sharing(record: NamespaceRecord): Set<number> {
    return new Set(this.#records.filter((r) => equalBytes(r.tag, record.tag)).map((r) => r.ordinal));
  }

  all(): readonly NamespaceRecord[] {
    return this.#records;
  }

  #claim(namespace: Namespace): { record: NamespaceRecord; named: boolean } {
    const tag = Uint8Array.from(tenantTag(namespace.id));
    for (const other of this.#records) {
      if (other.id && equalBytes(other.tag, tag) && !equalBytes(other.id, namespace.id)) {
        throw storeErrors.namespace('Another namespace has the same tag.');
      }
    }
    const record = this.#obtain(tag, namespace.modelFingerprint);
    if (!record) {
      throw storeErrors.busy(`The store knows its ${this.#maxNamespaces} namespaces.`, { limit: this.#maxNamespaces });
    }
    const named = record.id === null;
    for (const other of this.#records) if (!other.id && equalBytes(other.tag, tag)) this.#own(other, namespace);
    return { record, named };
  }

  /** Moves what a recovered namespace uses to the tenant's account. */
  #own(record: NamespaceRecord, { id, tenant }: Namespace): void {
    const owner = this.#tenant(tenant);
    for (let tier = 0; tier < 3; tier++) {
      charge(record.tenant, tier, { bytes: -(record.bytes[tier] ?? 0), objects: -(record.objects[tier] ?? 0) });
      charge(owner, tier, { bytes: record.bytes[tier] ?? 0, objects: record.objects[tier] ?? 0 });
    }
    record.id = Uint8Array.from(id);
    record.tenant = owner;
  }

  #obtain(tag: Uint8Array, modelFingerprint: Uint8Array): NamespaceRecord | null {
    const name = keyName(tag) + keyName(modelFingerprint);
    const known = this.#byTagAndModel.get(name);
    if (known) return known;
    if (this.#records.length >= this.#maxNamespaces) return null;
    const record: NamespaceRecord = {
      ordinal: this.#records.length,
      tag: Uint8Array.from(tag),
      modelFingerprint: Uint8Array.from(modelFingerprint),
      id: null,
      counts: { lookups: 0, hitBlocks: 0, missedBlocks: 0, corruptBlocks: 0 },
      tenant: this.#tenant(UNKNOWN_TENANT),
      ...newUsage(),
    };
    this.#records.push(record);
    this.#byTagAndModel.set(name, record);
    return record;
  }

  #tenant(name: string): Tenant {
    const known = this.#tenants.get(name);
    if (known) return known;
    const limits = this.#table.byTenant.get(name) ?? this.#table.default;
    const tenant: Tenant = { name, limits, reservedBytes: 0, hardPinnedBytes: 0, ...newUsage() };
    this.#tenants.set(name, tenant);
    return tenant;
  }
}

/** Adds to (or takes from) an account. */
export function charge(usage: Usage, tier: number, by: { bytes: number; objects: number }): void {
  usage.bytes[tier] = (usage.bytes[tier] ?? 0) + by.bytes;
  usage.objects[tier] = (usage.objects[tier] ?? 0) + by.objects;
}

/** Bound of a tenant's bytes in a tier. */
export function tenantLimit(tenant: Tenant, tier: number): number {
  const { ramBytes, diskBytes, objectBytes } = tenant.limits;
  return [ramBytes, diskBytes, objectBytes][tier] ?? 0;
}

function checkNamespace({ id, modelFingerprint, deployEpoch, tenant }: Namespace): void {
  const sound =
    id.length === 2 * TENANT_TAG_BYTES &&
    modelFingerprint.length === 32 &&
    Number.isInteger(deployEpoch) &&
    deployEpoch >= 0 &&
    deployEpoch < 2 ** 32 &&
    tenant.length <= 256;
  if (sound) return;
  throw storeErrors.namespace(
    'ns needs an ns_id of 32 bytes, a model_fp of 32 bytes, a deploy_epoch below 2^32 and a tenant of at most 256 characters.',
  );
}
