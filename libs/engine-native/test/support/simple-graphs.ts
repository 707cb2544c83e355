import { floats, node, type TestGraph } from './graph.js';
import { randomFloats } from './steps.js';

/** Token i has row i of `table`, [rows, width], as its logits. */
export function tableGraph(table: Float32Array, width: number): TestGraph {
  return {
    nodes: [
      node('Gather', ['table', 'input_ids'], 'rows', {}, ''),
      node('Gather', ['rows', 'logit_rows'], 'logits', {}, ''),
    ],
    initializers: [floats('table', [table.length / width, width], table)],
    width,
  };
}

/** A chain of `length` products of [T, 256] with a 256 x 256 matrix: many nodes, each taking a moment. */
export function slowGraph(length: number): TestGraph {
  const width = 256;
  const chain = Array.from({ length }, (_, i) => node('MatMul', [`x${i}`, 'matrix'], `x${i + 1}`, {}, ''));
  return {
    nodes: [
      node('Gather', ['table', 'input_ids'], 'x0', {}, ''),
      ...chain,
      node('Gather', [`x${length}`, 'logit_rows'], 'logits', {}, ''),
    ],
    initializers: [
      floats('table', [width, width], randomFloats(1, width * width)),
      floats(
        'matrix',
        [width, width],
        randomFloats(2, width * width).map((x) => x / width),
      ),
    ],
    width,
  };
}
