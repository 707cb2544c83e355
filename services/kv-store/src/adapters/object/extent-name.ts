/** Objects of one group may share an extent: one model, one tenant. */
export type BlockGroup = string;

const EXTENT = '.kvx';
const REMOVALS = '.kvt';
/** `KVBK`, then line ends: how a KV block begins (kv-core, block format version 1). */
const BLOCK_MAGIC = Uint8Array.of(0x4b, 0x56, 0x42, 0x4b, 0x0d, 0x0a, 0x1a, 0x00);
const FINGERPRINT_AT = 32;
const TENANT_TAG_AT = 128;
const NAME_BYTES = 8;
const FOREIGN = '0'.repeat(2 * NAME_BYTES);

/** `<fp8>/<ns8>`: the first 8 bytes of the model fingerprint and of the tenant tag in a block's header; zeros without one. */
export function groupOf(object: Uint8Array): BlockGroup {
  const isBlock = object.length >= TENANT_TAG_AT + 16 && BLOCK_MAGIC.every((byte, i) => object[i] === byte);
  if (!isBlock) return `${FOREIGN}/${FOREIGN}`;
  const part = (at: number) => hex(object.subarray(at, at + NAME_BYTES));
  return `${part(FINGERPRINT_AT)}/${part(TENANT_TAG_AT)}`;
}

/**
 * `<fp8>/<ns8>/<k0k1>/<key>.kvx`, with the key of the extent's first object and the first two bytes of it as a
 * directory. When that name is taken by another extent with the same first object, as after
 * rewriting, `<key>.<generation>.kvx`.
 */
export function extentName(group: BlockGroup, firstKey: Uint8Array, generation: number): string {
  const key = hex(firstKey);
  return `${group}/${key.slice(0, 4)}/${key}${generation === 0 ? '' : `.${generation}`}${EXTENT}`;
}

/** Where the keys removed from an extent are listed. */
export function removalsName(extent: string): string {
  return extent.slice(0, -EXTENT.length) + REMOVALS;
}

/** What a stored object is by its name; null: nothing of this tier. */
export function kindOf(name: string): 'extent' | 'removals' | null {
  const known = /^[0-9a-f]{16}\/[0-9a-f]{16}\/[0-9a-f]{4}\/[0-9a-f]{64}(\.\d{1,9})?\.kv([xt])$/.exec(name);
  if (!known) return null;
  return known[2] === 'x' ? 'extent' : 'removals';
}

/** The extent that a list of removed keys belongs to. */
export function extentOfRemovals(name: string): string {
  return name.slice(0, -REMOVALS.length) + EXTENT;
}

/** The group that an extent's name says. */
export function groupOfExtent(name: string): BlockGroup {
  return name.split('/').slice(0, 2).join('/');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
