import { ElementType, type ValueInfo } from '@longhaul/onnx';

/** Names of the graph's inputs and output; the native addon binds them by these. */
export const GraphInput = {
  inputIds: 'input_ids',
  logitRows: 'logit_rows',
  /** A handle: operators find everything else about the step behind it. */
  stepContext: 'step_context',
} as const;
export const LOGITS = 'logits';

/** T tokens of all sequences in one ragged batch, R rows of logits. */
export const graphInputs: readonly ValueInfo[] = [
  { name: GraphInput.inputIds, type: ElementType.int32, shape: ['T'] },
  { name: GraphInput.logitRows, type: ElementType.int32, shape: ['R'] },
  { name: GraphInput.stepContext, type: ElementType.int64, shape: [1] },
];

export function graphOutput(vocabSize: number): ValueInfo {
  return { name: LOGITS, type: ElementType.float, shape: ['R', vocabSize] };
}
