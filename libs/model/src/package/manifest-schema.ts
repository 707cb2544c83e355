import { z } from 'zod';
import type { ModelManifest } from '../manifest.js';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(1);
const token = z.int().min(0);
const positive = z.number().positive();

const ropeScaling = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('default') }),
  z.object({ kind: z.literal('linear'), factor: positive }),
  z.object({ kind: z.literal('dynamic'), factor: positive, originalContext: count }),
  z.object({
    kind: z.literal('yarn'),
    factor: positive,
    originalContext: count,
    betaFast: positive,
    betaSlow: positive,
    attentionFactor: positive,
    truncate: z.boolean(),
  }),
  z.object({
    kind: z.literal('llama3'),
    factor: positive,
    lowFreqFactor: positive,
    highFreqFactor: positive,
    originalContext: count,
  }),
  z.object({
    kind: z.literal('longrope'),
    shortFactor: z.array(positive),
    longFactor: z.array(positive),
    originalContext: count,
    attentionFactor: positive,
  }),
]);

/** What a manifest.json of version 1 looks like. */
export const manifestSchema: z.ZodType<ModelManifest> = z.object({
  format: z.literal('longhaul-model'),
  version: z.literal(1),
  name: z.string().min(1),
  family: z.string().min(1),
  shape: z.object({
    layers: count,
    hiddenSize: count,
    intermediateSize: count,
    heads: count,
    kvHeads: count,
    headDim: count,
    vocabSize: count,
  }),
  ropeClasses: z.array(z.object({ theta: positive, dim: count, scaling: ropeScaling })).min(1),
  layerAttention: z.array(z.object({ ropeClass: z.int().min(0).nullable(), window: count.nullable() })),
  contextLength: count,
  weights: z.object({ scheme: z.enum(['f32', 'int8', 'int4']), bytes: count, sha256 }),
  tokenizer: z.object({
    sha256,
    bosTokenId: token.nullable(),
    eosTokenIds: z.array(token),
    addBos: z.boolean(),
  }),
  generation: z.object({
    temperature: z.number().min(0).exactOptional(),
    topP: z.number().exactOptional(),
    topK: z.int().exactOptional(),
    minP: z.number().exactOptional(),
    repetitionPenalty: z.number().exactOptional(),
  }),
  files: z.record(z.string(), z.object({ bytes: z.int().min(0), sha256 })),
  fingerprint: sha256,
  createdUnixS: z.int().min(0),
  source: z.string(),
});
