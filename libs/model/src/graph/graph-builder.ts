import type { Attribute, Initializer, Node } from '@longhaul/onnx';
import { ElementType } from '@longhaul/onnx';

/** Operator domains of the graph. */
export const Domain = { onnx: '', microsoft: 'com.microsoft', longhaul: 'ai.longhaul' } as const;

export interface NodeSpec {
  op: string;
  domain?: (typeof Domain)[keyof typeof Domain];
  /** Name of the node and, unless `outputs` says otherwise, of its one output. */
  name: string;
  inputs: readonly string[];
  outputs?: readonly string[];
  attributes?: Readonly<Record<string, Attribute>>;
}

/** Collects the nodes of a graph in the order in which they are added, which is the order of execution. */
export class GraphBuilder {
  readonly nodes: Node[] = [];
  readonly constants: Initializer[] = [];

  /** @returns the name of the first output. */
  add({ op, domain = Domain.onnx, name, inputs, outputs = [name], attributes = {} }: NodeSpec): string {
    this.nodes.push({ op, domain, name, inputs, outputs, attributes });
    return outputs[0] ?? name;
  }

  /** A scalar f32 constant inside the graph. @returns its name. */
  scalar(name: string, value: number): string {
    const bytes = new Uint8Array(Float32Array.of(value).buffer);
    this.constants.push({ name, type: ElementType.float, dims: [], data: { kind: 'inline', bytes } });
    return name;
  }
}
