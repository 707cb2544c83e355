/** Element types of ONNX tensors that Longhaul's graphs use; the values are TensorProto.DataType. */
export const ElementType = {
  float: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  bfloat16: 16,
} as const;
export type ElementType = (typeof ElementType)[keyof typeof ElementType];

/** A dimension: a number, or the name of one that varies. */
export type Dimension = number | string;

export interface ValueInfo {
  name: string;
  type: ElementType;
  shape: readonly Dimension[];
}

export type Attribute =
  { f: number } | { i: number } | { s: string } | { floats: readonly number[] } | { ints: readonly number[] };

export interface Node {
  op: string;
  /** '' is the ONNX domain itself. */
  domain: string;
  name: string;
  /** '' stands for an optional input that is left out. */
  inputs: readonly string[];
  outputs: readonly string[];
  attributes: Readonly<Record<string, Attribute>>;
}

/** Where a tensor's bytes are: in the graph itself (small constants), or in a file beside it. */
export type TensorData =
  { kind: 'inline'; bytes: Uint8Array } | { kind: 'external'; location: string; offset: number; length: number };

export interface Initializer {
  name: string;
  type: ElementType;
  dims: readonly number[];
  data: TensorData;
}

export interface Graph {
  name: string;
  inputs: readonly ValueInfo[];
  outputs: readonly ValueInfo[];
  initializers: readonly Initializer[];
  /** In an order in which every input has been produced before it is used. */
  nodes: readonly Node[];
}

export interface Model {
  /** 8 goes with opset 17. */
  irVersion: number;
  producer: string;
  /** Version of each operator set used, by domain. */
  opsets: Readonly<Record<string, number>>;
  graph: Graph;
}
