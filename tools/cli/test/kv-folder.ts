import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  allocateBlock,
  BlockDtype,
  blockKey,
  deriveNamespaceKey,
  modelFingerprint,
  namespaceId,
  QualityClass,
  rootKey,
  SectionKind,
} from '@longhaul/kv-core';
import { crc32c } from '@longhaul/kv-native';
import { openDiskTier, type DiskTier } from '@longhaul/kv-store';
import { kvCommand } from '../src/kv/kv-command.js';

export interface ChainBlock {
  readonly key: Uint8Array;
  readonly object: Uint8Array;
  readonly tokens: Uint32Array;
}

const LAYERS = 2;
const BLOCK_TOKENS = 16;

/** Real blocks of one prompt of a tenant, each the parent of the next. */
export function chain(tenant: string, count: number): ChainBlock[] {
  const fingerprint = modelFingerprint({ model: 'cli' });
  const namespaceKey = deriveNamespaceKey(new Uint8Array(32).fill(7), tenant, 'salt');
  const namespace = { modelFingerprint: fingerprint, id: namespaceId(namespaceKey), tenant, deployEpoch: 1 };
  let parentKey = rootKey(fingerprint, namespaceKey);
  return Array.from({ length: count }, (_, i) => {
    const tokens = Uint32Array.from({ length: BLOCK_TOKENS }, (_, t) => 1000 * (i + 1) + t);
    const seqKey = blockKey(parentKey, tokens);
    const dims = { kvHeads: 2, headDimK: 32, headDimV: 32, dtypeK: BlockDtype.bf16, dtypeV: BlockDtype.bf16 } as const;
    const writer = allocateBlock({
      ...{ namespace, seqKey, parentKey, tokens },
      geometry: { layerBegin: 0, layerEnd: LAYERS, blockTokens: BLOCK_TOKENS, ...dims },
      firstPosition: i * BLOCK_TOKENS,
      quality: QualityClass.exact,
      createdUnixMs: 1_760_000_000_000,
      producerId: 5n,
      recomputeMicros: 900,
    });
    for (let layer = 0; layer < LAYERS; layer++)
      for (const kind of [SectionKind.key, SectionKind.value] as const)
        writer.section(kind, layer).fill(17 * i + layer + kind);
    parentKey = seqKey;
    return { key: seqKey, object: writer.seal({ checksum: crc32c }), tokens };
  });
}

/** A directory of a disk tier, deleted at the end. */
export function kvFolder(): { readonly path: string; dispose(): void } {
  const path = mkdtempSync(join(tmpdir(), 'longhaul-cli-kv-'));
  return { path, dispose: () => rmSync(path, { recursive: true, force: true }) };
}

export function openFolder(directory: string): Promise<DiskTier> {
  return openDiskTier({ directory, limitBytes: 2 ** 28, segmentBytes: 2 ** 17, syncIntervalMs: 0, scrubPerHour: 0 });
}

export interface CommandOutcome {
  readonly text: string;
  readonly exitCode: number;
}

/** Runs `longhaul kv ...` in this process. What it throws is what the command line prints as its error. */
export async function kv(...argv: string[]): Promise<CommandOutcome> {
  const { write } = process.stdout;
  const before = process.exitCode;
  const parts: string[] = [];
  process.stdout.write = ((text: string) => parts.push(text) > 0) as typeof write;
  process.exitCode = 0;
  try {
    await kvCommand(argv);
    return { text: parts.join(''), exitCode: Number(process.exitCode) };
  } finally {
    process.stdout.write = write;
    process.exitCode = before;
  }
}

/** The same with `--json`. */
export async function kvJson(...argv: string[]): Promise<{ readonly report: unknown; readonly exitCode: number }> {
  const { text, exitCode } = await kv(...argv, '--json');
  return { report: JSON.parse(text) as unknown, exitCode };
}
