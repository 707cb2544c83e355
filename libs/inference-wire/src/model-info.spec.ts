import { describe, expect, it } from '@jest/globals';
import { workerV1 } from '@longhaul/contracts';
import type { ModelInfo } from '@longhaul/inference';
import { fromGetModelResponse, toGetModelResponse, toModelInfoResponse } from './model-info.js';

const info: ModelInfo = {
  ...{ id: 'm', family: 'llama', fingerprint: 'f', contextLength: 8192, vocabSize: 100, eosTokenIds: [2] },
  ...{ weightScheme: 'int8', kvDtype: 'bf16', defaults: { temperature: 0.5 }, createdUnixS: 7 },
};
const kernels = {
  levels: { 'attention/bf16': 'avx512', 'linear/int8': 'avx512vnni' },
  source: 'stored',
  profileId: 'p',
};

/** Over the wire and back. */
function sent(original: ModelInfo): ModelInfo {
  const bytes = workerV1.GetModelResponse.encode(toGetModelResponse(original)).finish();
  return fromGetModelResponse(workerV1.GetModelResponse.decode(bytes));
}

describe("a worker's model on the wire", () => {
  it('arrives as it was sent, with the kernels that compute it', () => {
    expect(sent({ ...info, kernels })).toEqual({ ...info, kernels });
    expect(toModelInfoResponse({ ...info, kernels }).kernels).toEqual(kernels);
  });

  it('brings what policies are checked against, artefacts included', () => {
    const gates = { kind: 'gates' as const, digest: 'd'.repeat(64), gates: [[0.25, 1]] };
    const shape = {
      ...{ package: 'm', layers: 1, kvHeads: 2, heads: 4, headDim: 64, windows: [0], kvDtype: 'int8' },
      ...{ artefacts: { gates }, channels: ['key-bounds' as const] },
    };
    const attention = { shape, stepPromptTokens: 512 };
    expect(sent({ ...info, attention })).toEqual({ ...info, attention });
  });

  it.each<[string, RegExp]>([
    ['{', /attention_json that is no JSON/],
    ['null', /no object/],
    ['{"stepPromptTokens":-1}', /stepPromptTokens is no whole number/],
    ['{"stepPromptTokens":1}', /shape must be an object/],
    ['{"stepPromptTokens":1,"shape":{"layers":"4"}}', /shape\.layers must be a whole number from 1 to 1024/],
  ])('is a fault of the worker where it says of attention %s', (attentionJson, message) => {
    const read = () => fromGetModelResponse({ ...toGetModelResponse(info), attentionJson });
    expect(read).toThrow(expect.objectContaining({ code: 'INTERNAL', reason: 'PROTOCOL_ERROR' }));
    expect(read).toThrow(message);
  });

  it('has no profile where the environment decided, and no kernels where the worker does not tell', () => {
    const forced = { ...kernels, source: 'environment', profileId: null };
    expect(sent({ ...info, kernels: forced }).kernels).toEqual(forced);
    expect(sent(info)).toEqual(info);
  });
});
