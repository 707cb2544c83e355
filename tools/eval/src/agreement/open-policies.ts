import { compilePolicy, type AttentionArtefacts, type KvMetadataChannel } from '@longhaul/attention';
import { attentionShape } from '@longhaul/decode-worker';
import type { Engine, NativeAttentionPolicy, NativeSequenceAttention } from '@longhaul/engine-native';
import type { ModelManifest } from '@longhaul/model';
import type { PolicyChoice } from '../policies/policy-choice.js';

/** What pools keep here: all that any policy looks at. */
export const POOL_CHANNELS: readonly KvMetadataChannel[] = ['key-bounds'];

/** The policies of a run, made for a model and a KV type. */
export interface OpenPolicies {
  /** The attention of a new sequence; null is dense. It is the caller's. */
  open(policy: PolicyChoice): NativeSequenceAttention | null;
}

export interface OpenPoliciesOptions {
  readonly engine: Pick<Engine, 'createAttentionPolicy'>;
  readonly manifest: Pick<ModelManifest, 'name' | 'shape' | 'layerAttention' | 'weights'>;
  readonly policies: readonly PolicyChoice[];
  readonly kv: string;
  /** Of the model package. */
  readonly artefacts: AttentionArtefacts;
}

/** @throws AppError naming the field of a policy that the model cannot take. */
export function openPolicies({ engine, manifest, policies, kv, artefacts }: OpenPoliciesOptions): OpenPolicies {
  const shape = attentionShape(manifest, { kvDtype: kv, channels: POOL_CHANNELS, artefacts });
  const made = new Map<PolicyChoice, NativeAttentionPolicy>();
  for (const policy of policies) {
    if (policy.attention === null) continue;
    const { plans, table, skipSoftmax, labels } = compilePolicy(policy.attention, shape);
    const { layers, kvHeads } = shape;
    made.set(policy, engine.createAttentionPolicy({ layers, kvHeads, plans, table, skipSoftmax, labels }));
  }
  return { open: (policy) => made.get(policy)?.openSequence() ?? null };
}
