import type { inferenceV1, workerV1 } from '@longhaul/contracts';
import type { KernelReport, ModelInfo } from '@longhaul/inference';
import { fromAttentionJson } from './attention-json.js';

/** A worker's model for the router. */
export function toGetModelResponse(info: ModelInfo): workerV1.GetModelResponse {
  const { defaults } = info;
  const { samplingDefaults: _, ...model } = toModelInfoResponse(info);
  return {
    ...model,
    defaultTemperature: defaults.temperature,
    defaultTopP: defaults.topP,
    defaultTopK: defaults.topK,
    defaultMinP: defaults.minP,
    defaultRepetitionPenalty: defaults.repetitionPenalty,
    createdUnixS: BigInt(info.createdUnixS),
    attentionJson: info.attention === undefined ? '' : JSON.stringify(info.attention),
  };
}

/** The inverse. Throws AppError `PROTOCOL_ERROR` where it says of attention what cannot be. */
export function fromGetModelResponse(message: workerV1.GetModelResponse): ModelInfo {
  const { id, family, fingerprint, contextLength, vocabSize, eosTokenIds, weightScheme, kvDtype } = message;
  const defaults = {
    temperature: message.defaultTemperature,
    topP: message.defaultTopP,
    topK: message.defaultTopK,
    minP: message.defaultMinP,
    repetitionPenalty: message.defaultRepetitionPenalty,
  };
  const set = Object.fromEntries(Object.entries(defaults).filter(([, value]) => value !== undefined));
  const createdUnixS = Number(message.createdUnixS);
  return {
    id,
    family,
    fingerprint,
    contextLength,
    vocabSize,
    eosTokenIds,
    weightScheme,
    kvDtype,
    defaults: set,
    createdUnixS,
    ...(message.kernels === undefined ? {} : { kernels: fromKernels(message.kernels) }),
    ...(message.attentionJson === '' ? {} : { attention: fromAttentionJson(message.attentionJson) }),
  };
}

function toKernels({ profileId, source, levels }: KernelReport): inferenceV1.Kernels {
  return { profileId: profileId ?? '', source, levels: { ...levels } };
}

function fromKernels({ profileId, source, levels }: inferenceV1.Kernels): KernelReport {
  return { profileId: profileId === '' ? null : profileId, source, levels };
}

/** The public part of it, but for what is offered to whoever asks. */
export function toModelInfoResponse(
  info: ModelInfo,
): Omit<inferenceV1.ModelInfoResponse, 'attentionDefault' | 'attentionAllowed' | 'attentionArtefacts'> {
  const { id, family, fingerprint, contextLength, vocabSize, weightScheme, kvDtype } = info;
  return {
    id,
    family,
    fingerprint,
    contextLength,
    vocabSize,
    weightScheme,
    kvDtype,
    eosTokenIds: [...info.eosTokenIds],
    samplingDefaults: { ...info.defaults, logitBias: {} },
    kernels: info.kernels && toKernels(info.kernels),
  };
}
