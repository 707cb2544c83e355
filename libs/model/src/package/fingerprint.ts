import { createHash } from 'node:crypto';
import type { ModelManifest } from '../manifest.js';
import { GRAPH_FILE } from './package-files.js';

/** JSON with the keys of every object sorted: equal values give equal text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, entry]) => entry !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`;
}

/**
 * SHA-256 (hex) over what decides the KV values of a token sequence: architecture (the graph included), weights,
 * tokenizer and RoPE. Name, source, date and sampling defaults do not count.
 */
export function fingerprintManifest(manifest: Omit<ModelManifest, 'fingerprint'>): string {
  const decisive = {
    version: manifest.version,
    family: manifest.family,
    shape: manifest.shape,
    layerAttention: manifest.layerAttention,
    ropeClasses: manifest.ropeClasses,
    graph: manifest.files[GRAPH_FILE]?.sha256 ?? null,
    weights: { scheme: manifest.weights.scheme, sha256: manifest.weights.sha256 },
    tokenizer: manifest.tokenizer.sha256,
  };
  return createHash('sha256').update(canonicalJson(decisive)).digest('hex');
}
