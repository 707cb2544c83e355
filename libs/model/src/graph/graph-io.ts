import { ElementType, type ValueInfo } from '@longhaul/onnx';

/** Names of the graph's inputs and output; the native addon binds them by these. */
export const GraphInput = {
  inputIds: 'input_ids',
  ropeInvFreq: 'rope_inv_freq',
  ropeScale: 'rope_scale',
  kvPool: 'kv_pool',
  cuSeqlens: 'cu_seqlens',
  pastLens: 'past_lens',
  blockTable: 'block_table',
  logitRows: 'logit_rows',
} as const;
export const LOGITS = 'logits';

/** T tokens of B sequences in one ragged batch, W pages per table row, R rows of logits. */
export function graphInputs(ropeClasses: number, ropePairs: number): readonly ValueInfo[] {
  const { float, int32, int64 } = ElementType;
  return [
    { name: GraphInput.inputIds, type: int32, shape: ['T'] },
    { name: GraphInput.ropeInvFreq, type: float, shape: [ropeClasses, 'B', ropePairs] },
    { name: GraphInput.ropeScale, type: float, shape: [ropeClasses, 'B'] },
    { name: GraphInput.kvPool, type: int64, shape: [1] },
    { name: GraphInput.cuSeqlens, type: int32, shape: ['B1'] },
    { name: GraphInput.pastLens, type: int32, shape: ['B'] },
    { name: GraphInput.blockTable, type: int32, shape: ['B', 'W'] },
    { name: GraphInput.logitRows, type: int32, shape: ['R'] },
  ];
}

export function graphOutput(vocabSize: number): ValueInfo {
  return { name: LOGITS, type: ElementType.float, shape: ['R', vocabSize] };
}
