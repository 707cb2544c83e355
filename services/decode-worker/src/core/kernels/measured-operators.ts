import type {
  KernelLevel,
  KernelOperator,
  KernelTable,
  KvDtype,
  MatrixShape,
  MeasuredOperator,
} from '@longhaul/engine-native';
import type { ModelManifest } from '@longhaul/model';

/** Inputs of a matrix come in blocks of so many; one with other columns stays f32 and is not ours. */
const BLOCK_COLUMNS = 32;

/** What of a model decides which matrices it has. */
export interface MeasuredModel {
  shape: ModelManifest['shape'];
  weights: Pick<ModelManifest['weights'], 'scheme'>;
}

/**
 * The operators of ours that a model's steps run, with its shapes and the levels worth comparing. The scalar reference
 * is only compared where it is alone: it is there to check the others, and far behind them.
 */
export function measuredOperators(manifest: MeasuredModel, kvDtype: KvDtype, table: KernelTable): MeasuredOperator[] {
  const { heads, kvHeads, headDim } = manifest.shape;
  const attention: KernelOperator = `attention/${kvDtype}`;
  return [
    { operator: attention, levels: comparedLevels(table, attention), heads, kvHeads, headDim },
    ...linearOperators(manifest).map(({ operator, matrices }) => ({
      operator,
      levels: comparedLevels(table, operator),
      matrices,
    })),
  ];
}

function comparedLevels(table: KernelTable, operator: KernelOperator): KernelLevel[] {
  const levels = table[operator].filter(({ supported }) => supported).map(({ level }) => level);
  return levels.length > 1 ? levels.filter((level) => level !== 'scalar') : levels;
}

interface LinearOperator {
  operator: KernelOperator;
  matrices: readonly MatrixShape[];
}

/** Output heads are int8 where the layers are int4, and only the last token of a chunk passes them. */
function linearOperators({ shape, weights }: MeasuredModel): LinearOperator[] {
  const head = { rows: shape.vocabSize, cols: shape.hiddenSize, count: 1, prefill: false };
  const layers = layerMatrices(shape);
  switch (weights.scheme) {
    case 'f32':
      return [];
    case 'int8':
      return inBlocks('linear/int8', [...layers, head]);
    case 'int4':
      return [...inBlocks('linear/int4', layers), ...inBlocks('linear/int8', [head])];
  }
}

function inBlocks(operator: KernelOperator, matrices: readonly MatrixShape[]): LinearOperator[] {
  const ours = matrices.filter(({ cols }) => cols % BLOCK_COLUMNS === 0);
  return ours.length === 0 ? [] : [{ operator, matrices: ours }];
}

function layerMatrices(shape: ModelManifest['shape']): MatrixShape[] {
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, headDim } = shape;
  const sizes = [
    { rows: (heads + 2 * kvHeads) * headDim, cols: hiddenSize },
    { rows: hiddenSize, cols: heads * headDim },
    { rows: 2 * intermediateSize, cols: hiddenSize },
    { rows: hiddenSize, cols: intermediateSize },
  ];
  return sizes.map((size) => ({ ...size, count: layers, prefill: true }));
}
