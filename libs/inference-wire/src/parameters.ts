import type { inferenceV1 } from '@longhaul/contracts';
import type { SamplingParams, StopParams } from '@longhaul/inference';

/** Complete parameters as a message with every field set. */
export function toSampling(params: SamplingParams): inferenceV1.Sampling {
  return { ...params, logitBias: Object.fromEntries(params.logitBias) };
}

/** The fields that a caller set; 64-bit seeds stay whole. */
export function fromSampling(message: inferenceV1.Sampling | undefined): Partial<SamplingParams> {
  if (!message) return {};
  const { logitBias, ...rest } = message;
  const set = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const bias = Object.entries(logitBias).map(([id, value]) => [Number(id), value] as const);
  return { ...set, ...(bias.length > 0 ? { logitBias: new Map(bias) } : {}) };
}

export function toStop(params: StopParams): inferenceV1.Stop {
  return { ...params, strings: [...params.strings], tokenIds: [...params.tokenIds] };
}

/** Unset is the same as empty: nothing stops a choice but the model's own end. */
export function fromStop(message: inferenceV1.Stop | undefined): StopParams {
  return {
    strings: message?.strings ?? [],
    tokenIds: message?.tokenIds ?? [],
    includeStopString: message?.includeStopString ?? false,
    ignoreEos: message?.ignoreEos ?? false,
    minTokens: message?.minTokens ?? 0,
  };
}
