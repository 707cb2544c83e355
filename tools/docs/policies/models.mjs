// Models that the page computes policies for. Their packages have every artefact, so that every method can be shown.
import { artefactKinds } from '@longhaul/attention';

/** A model of a size, with made-up artefacts. */
export function modelOf(name, { layers, heads, kvHeads, headDim }) {
  const perHead = (value) => Array.from({ length: layers }, () => Array.from({ length: kvHeads }, () => value));
  const lists = {
    gates: { gates: perHead(1) },
    'label-channels': { channels: perHead(Array.from({ length: headDim }, (_, dim) => dim)) },
    'xattention-thresholds': { stride: 16, thresholds: perHead(0.9) },
  };
  const artefacts = Object.fromEntries(artefactKinds.map((kind) => [kind, { kind, digest: '', ...lists[kind] }]));
  const windows = Array.from({ length: layers }, () => 0);
  return { name, layers, heads, kvHeads, headDim, windows, kvDtype: 'bf16', artefacts, channels: ['key-bounds'] };
}

export const models = [
  modelOf('smollm2-135m-instruct', { layers: 30, heads: 9, kvHeads: 3, headDim: 64 }),
  modelOf('Qwen2.5-0.5B', { layers: 24, heads: 14, kvHeads: 2, headDim: 64 }),
  modelOf('needle-3m', { layers: 4, heads: 4, kvHeads: 2, headDim: 64 }),
];
