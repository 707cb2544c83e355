/** What a KV pool may keep beside each page. */
export const kvMetadataChannels = ['key-bounds'] as const;
export type KvMetadataChannel = (typeof kvMetadataChannels)[number];

/** How much each KV head retrieves: 0 to 1, [layers][kvHeads]. */
export interface GatesArtefact {
  readonly kind: 'gates';
  /** SHA-256 of the file, hex. */
  readonly digest: string;
  readonly gates: readonly (readonly number[])[];
}

/** Dimensions of the key, as RoPE leaves it, by falling weight; each once: [layers][kvHeads][dims]. */
export interface LabelChannelsArtefact {
  readonly kind: 'label-channels';
  readonly digest: string;
  readonly channels: readonly (readonly (readonly number[])[])[];
}

/** Mass that block selection must reach: (0, 1], [layers][kvHeads], for one stride. */
export interface XAttentionThresholdsArtefact {
  readonly kind: 'xattention-thresholds';
  readonly digest: string;
  readonly stride: 4 | 8 | 16;
  readonly thresholds: readonly (readonly number[])[];
}

/** Artefacts of a model package. */
export interface AttentionArtefacts {
  readonly gates?: GatesArtefact | undefined;
  readonly 'label-channels'?: LabelChannelsArtefact | undefined;
  readonly 'xattention-thresholds'?: XAttentionThresholdsArtefact | undefined;
}

/** What a policy is made for: a model, and the pool that its KV is in. */
export interface ModelShape {
  /** How the command line names the package, for messages. */
  readonly package?: string | undefined;
  /** Why the artefacts of the package do not count, where they do not; for messages. */
  readonly withoutArtefacts?: string | undefined;
  readonly layers: number;
  readonly kvHeads: number;
  readonly heads: number;
  readonly headDim: number;
  /** Tokens of each layer's own sliding window; 0: full attention. */
  readonly windows: readonly number[];
  /** `bf16`, `f32` or `int8`. */
  readonly kvDtype: string;
  readonly artefacts: AttentionArtefacts;
  /** Channels that the pool keeps. */
  readonly channels: readonly KvMetadataChannel[];
}
