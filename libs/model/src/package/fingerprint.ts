import { createHash } from 'node:crypto';
import type { ModelManifest } from '../manifest.js';
import { WEIGHTS_INDEX_FILE } from './package-files.js';

/** JSON with the keys of every object sorted: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
}

/**
 * SHA-256 (hex) over what decides the KV values of a token sequence: architecture, weights, tokenizer and
 * RoPE; the version stands for the graph that is built from them. Name, source, date and sampling defaults do not count.
 */
export function fingerprintManifest(manifest: Omit<ModelManifest, 'fingerprint'>): string {
  const decisive = {
    version: manifest.version,
    family: manifest.family,
    shape: manifest.shape,
    layerAttention: manifest.layerAttention,
    ropeClasses: manifest.ropeClasses,
    decoder: manifest.decoder,
    weightsIndex: manifest.files[WEIGHTS_INDEX_FILE]?.sha256 ?? null,
    weights: { scheme: manifest.weights.scheme, sha256: manifest.weights.sha256 },
    tokenizer: manifest.tokenizer.sha256,
  };
  return createHash('sha256').update(canonicalJson(decisive)).digest('hex');
}
