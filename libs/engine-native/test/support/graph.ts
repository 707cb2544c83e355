import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ElementType, encodeModel, type Attribute, type Initializer, type Node, type ValueInfo } from '@longhaul/onnx';
import type { NativeModelOptions } from '../../src/index.js';

/** The inputs that every model graph may have. */
const INPUTS: readonly ValueInfo[] = [
  { name: 'input_ids', type: ElementType.int32, shape: ['T'] },
  { name: 'logit_rows', type: ElementType.int32, shape: ['R'] },
  { name: 'step_context', type: ElementType.int64, shape: [1] },
];

export interface TestGraph {
  nodes: readonly Node[];
  initializers?: readonly Initializer[];
  /** Columns of the output `logits`. */
  width: number;
  /** Inputs of the graph; all of INPUTS by default. */
  inputs?: readonly ValueInfo[];
}

/** A node of this library's domain, or of the ONNX one when `domain` is ''. */
export function node(
  op: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, Attribute>> = {},
  domain = 'ai.longhaul',
): Node {
  return { op, domain, name: `${op}-${output}`, inputs, outputs: [output], attributes };
}

export function floats(name: string, dims: readonly number[], values: Float32Array): Initializer {
  return { name, type: ElementType.float, dims, data: { kind: 'inline', bytes: bytesOf(values) } };
}

export function bytes(name: string, dims: readonly number[], values: Uint8Array): Initializer {
  return { name, type: ElementType.uint8, dims, data: { kind: 'inline', bytes: values } };
}

export function halves(name: string, dims: readonly number[], values: Float16Array): Initializer {
  return { name, type: ElementType.float16, dims, data: { kind: 'inline', bytes: bytesOf(values) } };
}

export function integers(name: string, values: readonly number[]): Initializer {
  const data = BigInt64Array.from(values, BigInt);
  return { name, type: ElementType.int64, dims: [values.length], data: { kind: 'inline', bytes: bytesOf(data) } };
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

export function encodeGraph(graph: TestGraph): Uint8Array {
  return encodeModel({
    irVersion: 8,
    producer: 'longhaul-test',
    opsets: { '': 17, 'ai.longhaul': 1 },
    graph: {
      name: 'test',
      inputs: graph.inputs ?? INPUTS,
      outputs: [{ name: 'logits', type: ElementType.float, shape: ['R', graph.width] }],
      initializers: graph.initializers ?? [],
      nodes: graph.nodes,
    },
  });
}

/** The options of a model that has everything in its graph. */
export function inMemory(graph: TestGraph): Pick<NativeModelOptions, 'graph' | 'weightsDir'> {
  return { graph: encodeGraph(graph), weightsDir: '' };
}

/** A folder for files of tests, removed by `remove()`. */
export class TestFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'longhaul-graphs-'));

  /** @returns the path of the file. */
  write(name: string, bytes: Uint8Array): string {
    const path = join(this.path, name);
    writeFileSync(path, bytes);
    return path;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}
