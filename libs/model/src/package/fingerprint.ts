import { createHash } from 'node:crypto';
import { canonicalJson, type JsonValue } from '@longhaul/kernel';
import type { ModelManifest } from '../manifest.js';
import { WEIGHTS_INDEX_FILE } from './package-files.js';

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
  // As its file has it: without what is undefined.
  const written = JSON.parse(JSON.stringify(decisive)) as JsonValue;
  return createHash('sha256').update(canonicalJson(written)).digest('hex');
}
