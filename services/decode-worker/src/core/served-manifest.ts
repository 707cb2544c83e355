import type { KernelReport, ModelInfo } from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';
import { applyRopeScalingOverride, samplingDefaultsOf, type ModelManifest } from '@longhaul/model';

export interface ServingChoices {
  servedModelName?: string | undefined;
  maxModelLen?: number | undefined;
  ropeScaling?: string | undefined;
  kvCacheDtype: string;
}

/** The manifest as it is served: other RoPE scaling, shorter context. Throws `INVALID_ARGUMENT` naming the flag. */
export function servedManifest(manifest: ModelManifest, choices: ServingChoices): ModelManifest {
  const scaled = choices.ropeScaling === undefined ? manifest : applyRopeScalingOverride(manifest, choices.ropeScaling);
  const asked = choices.maxModelLen ?? scaled.contextLength;
  if (asked > scaled.contextLength) {
    throw invalidArgument(
      'max-model-len',
      `--max-model-len ${asked} is more than the model's context of ${scaled.contextLength} tokens; see --rope-scaling.`,
    );
  }
  return { ...scaled, contextLength: asked };
}

/** What the router is told about it. */
export function modelInfo(
  manifest: ModelManifest,
  choices: ServingChoices,
  { kernels, attention }: { kernels: KernelReport; attention: ModelInfo['attention'] },
): ModelInfo {
  return {
    id: choices.servedModelName ?? manifest.name,
    family: manifest.family,
    fingerprint: manifest.fingerprint,
    contextLength: manifest.contextLength,
    vocabSize: manifest.shape.vocabSize,
    eosTokenIds: manifest.tokenizer.eosTokenIds,
    weightScheme: manifest.weights.scheme,
    kvDtype: choices.kvCacheDtype,
    defaults: samplingDefaultsOf(manifest),
    createdUnixS: manifest.createdUnixS,
    kernels,
    ...(attention === undefined ? {} : { attention }),
  };
}
