import { loadEngine, PAGE_TOKENS, type Engine, type KvDtype } from '@longhaul/engine-native';
import { ElementType, encodeModel, type Initializer, type Node } from '@longhaul/onnx';
import { seededRandom } from '@longhaul/testing';
import { atMost, type FidelityRow } from './rows.js';

/** One attention layer in the shape of the 0.5B model. */
const HEADS = 14;
const KV_HEADS = 2;
const HEAD_DIM = 64;
const COLUMNS = (HEADS + 2 * KV_HEADS) * HEAD_DIM;
const TOKENS = 1024;
const MASSIVE = 100;
const CHANNEL = 5;
const BAR = 0.05;

/**
 * Attention over random keys and values of which one channel is 100 times the others, as a few channels of real models
 * are (massive activations, arXiv:2402.17762): relative L2 distance of the output to that of an f32 pool.
 */
export async function massiveRows(kv: KvDtype): Promise<FidelityRow[]> {
  const engine = await loadEngine();
  const rows: FidelityRow[] = [];
  for (const [name, firstHead] of [
    ['keys', HEADS],
    ['values', HEADS + KV_HEADS],
  ] as const) {
    const inputs = randomRows();
    for (let row = 0; row < TOKENS; row++) {
      const at = row * COLUMNS + firstHead * HEAD_DIM + CHANNEL;
      inputs[at] = (inputs[at] ?? 0) * MASSIVE;
    }
    const reference = await attend(engine, inputs, 'f32');
    const output = await attend(engine, inputs, kv);
    rows.push(atMost(`a channel of ${name} ${MASSIVE} times the others, error`, distance(output, reference), BAR));
  }
  return rows;
}

/** Normally distributed; the sum of twelve uniform numbers is near enough. */
function randomRows(): Float32Array {
  const random = seededRandom(5);
  const normal = (): number => Array.from({ length: 12 }, random).reduce((sum, x) => sum + x, -6);
  return Float32Array.from({ length: TOKENS * COLUMNS }, normal);
}

async function attend(engine: Engine, inputs: Float32Array, dtype: KvDtype): Promise<Float32Array> {
  const pages = TOKENS / PAGE_TOKENS;
  const pool = engine.createPool({ layers: 1, kvHeads: KV_HEADS, headDim: HEAD_DIM, pages, dtype });
  const model = engine.createModel({ graph: layerGraph(inputs), weightsDir: '', threads: 2, spin: false });
  try {
    await model.ready;
    const counting = (length: number): Int32Array => Int32Array.from({ length }, (_, i) => i);
    const { logits } = await model.step(pool, {
      tokenIds: counting(TOKENS),
      cuSeqlens: Int32Array.of(0, TOKENS),
      pastLens: Int32Array.of(0),
      blockTable: counting(pages),
      blockTableWidth: pages,
      ...{ ropeInvFreq: new Float32Array(0), ropeScale: new Float32Array(0), ropeClasses: 0 },
      logitRows: counting(TOKENS),
      ...{ samples: [], scores: [], wantLogits: true },
    });
    return logits ?? new Float32Array(0);
  } finally {
    await model.dispose();
    pool.dispose();
  }
}

/** Token i has row i of `inputs` as its q, k and v; the logits are the layer's output. */
function layerGraph(inputs: Float32Array): Uint8Array {
  const data = new Uint8Array(inputs.buffer, inputs.byteOffset, inputs.byteLength);
  const table: Initializer = {
    ...{ name: 'rows', type: ElementType.float, dims: [TOKENS, COLUMNS] },
    data: { kind: 'inline', bytes: data },
  };
  const attention: Node = {
    ...{ op: 'PagedAttention', domain: 'ai.longhaul', name: 'attention', outputs: ['attended'] },
    inputs: ['qkv', 'step_context', '', '', '', ''],
    attributes: {
      ...{ layer: { i: 0 }, num_heads: { i: HEADS }, kv_heads: { i: KV_HEADS }, head_dim: { i: HEAD_DIM } },
      ...{ rope_dim: { i: 0 }, scale: { f: 1 / Math.sqrt(HEAD_DIM) }, window: { i: 0 } },
      ...{ softcap: { f: 0 }, norm_eps: { f: 1e-6 } },
    },
  };
  const gather = (name: string, from: readonly string[], to: string): Node => ({
    ...{ op: 'Gather', domain: '', name, inputs: from, outputs: [to], attributes: {} },
  });
  return encodeModel({
    ...{ irVersion: 8, producer: 'longhaul-bench', opsets: { '': 17, 'ai.longhaul': 1 } },
    graph: {
      name: 'layer',
      inputs: [
        { name: 'input_ids', type: ElementType.int32, shape: ['T'] },
        { name: 'logit_rows', type: ElementType.int32, shape: ['R'] },
        { name: 'step_context', type: ElementType.int64, shape: [1] },
      ],
      outputs: [{ name: 'logits', type: ElementType.float, shape: ['R', HEADS * HEAD_DIM] }],
      initializers: [table],
      nodes: [
        gather('embed', ['rows', 'input_ids'], 'qkv'),
        attention,
        gather('rows_of', ['attended', 'logit_rows'], 'logits'),
      ],
    },
  });
}

function distance(actual: Float32Array, expected: Float32Array): number {
  let difference = 0;
  let norm = 0;
  expected.forEach((want, i) => {
    difference += ((actual[i] ?? Number.NaN) - want) ** 2;
    norm += want ** 2;
  });
  return Math.sqrt(difference / norm);
}
