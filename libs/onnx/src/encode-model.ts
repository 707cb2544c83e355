import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { Attribute, Dimension, Graph, Initializer, Model, Node, ValueInfo } from './graph.js';

/** Field numbers of onnx.proto3, by message; only the fields that are written. */
const F = {
  model: { irVersion: 1, producer: 2, graph: 7, opset: 8 },
  opset: { domain: 1, version: 2 },
  graph: { node: 1, name: 2, initializer: 5, input: 11, output: 12 },
  node: { input: 1, output: 2, name: 3, op: 4, attribute: 5, domain: 7 },
  attribute: { name: 1, f: 2, i: 3, s: 4, floats: 7, ints: 8, type: 20 },
  tensor: { dims: 1, dataType: 2, name: 8, rawData: 9, externalData: 13, dataLocation: 14 },
  entry: { key: 1, value: 2 },
  valueInfo: { name: 1, type: 2 },
  type: { tensor: 1 },
  tensorType: { elementType: 1, shape: 2 },
  shape: { dim: 1 },
  dim: { value: 1, param: 2 },
} as const;

const EXTERNAL = 1;
const ATTRIBUTE_TYPE = { f: 1, i: 2, s: 3, floats: 6, ints: 7 } as const;

type Encoder<T> = (writer: BinaryWriter, value: T) => void;

function message<T>(writer: BinaryWriter, field: number, value: T, encode: Encoder<T>): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  encode(writer, value);
  writer.join();
}

function string(writer: BinaryWriter, field: number, value: string): void {
  writer.tag(field, WireType.LengthDelimited).string(value);
}

function int64(writer: BinaryWriter, field: number, value: number): void {
  writer.tag(field, WireType.Varint).int64(value);
}

function encodeAttribute(writer: BinaryWriter, [name, value]: [string, Attribute]): void {
  const a = F.attribute;
  string(writer, a.name, name);
  if ('f' in value) writer.tag(a.f, WireType.Bit32).float(value.f);
  else if ('i' in value) int64(writer, a.i, value.i);
  else if ('s' in value) string(writer, a.s, value.s);
  else if ('floats' in value) for (const f of value.floats) writer.tag(a.floats, WireType.Bit32).float(f);
  else for (const i of value.ints) int64(writer, a.ints, i);
  const kind = Object.keys(value)[0] as keyof typeof ATTRIBUTE_TYPE;
  int64(writer, a.type, ATTRIBUTE_TYPE[kind]);
}

function encodeNode(writer: BinaryWriter, node: Node): void {
  for (const input of node.inputs) string(writer, F.node.input, input);
  for (const output of node.outputs) string(writer, F.node.output, output);
  string(writer, F.node.name, node.name);
  string(writer, F.node.op, node.op);
  for (const attribute of Object.entries(node.attributes))
    message(writer, F.node.attribute, attribute, encodeAttribute);
  string(writer, F.node.domain, node.domain);
}

function encodeEntry(writer: BinaryWriter, [key, value]: [string, string]): void {
  string(writer, F.entry.key, key);
  string(writer, F.entry.value, value);
}

function encodeInitializer(writer: BinaryWriter, tensor: Initializer): void {
  for (const dim of tensor.dims) int64(writer, F.tensor.dims, dim);
  int64(writer, F.tensor.dataType, tensor.type);
  string(writer, F.tensor.name, tensor.name);
  if (tensor.data.kind === 'inline') {
    writer.tag(F.tensor.rawData, WireType.LengthDelimited).bytes(tensor.data.bytes);
    return;
  }
  const { location, offset, length } = tensor.data;
  const entries: [string, string][] = [
    ['location', location],
    ['offset', String(offset)],
    ['length', String(length)],
  ];
  for (const entry of entries) message(writer, F.tensor.externalData, entry, encodeEntry);
  int64(writer, F.tensor.dataLocation, EXTERNAL);
}

function encodeDimension(writer: BinaryWriter, dimension: Dimension): void {
  if (typeof dimension === 'number') int64(writer, F.dim.value, dimension);
  else string(writer, F.dim.param, dimension);
}

function encodeValueInfo(writer: BinaryWriter, value: ValueInfo): void {
  string(writer, F.valueInfo.name, value.name);
  message(writer, F.valueInfo.type, value, (type) =>
    message(type, F.type.tensor, value, (tensor) => {
      int64(tensor, F.tensorType.elementType, value.type);
      message(tensor, F.tensorType.shape, value.shape, (shape, dims) => {
        for (const dim of dims) message(shape, F.shape.dim, dim, encodeDimension);
      });
    }),
  );
}

function encodeGraph(writer: BinaryWriter, graph: Graph): void {
  for (const node of graph.nodes) message(writer, F.graph.node, node, encodeNode);
  string(writer, F.graph.name, graph.name);
  for (const tensor of graph.initializers) message(writer, F.graph.initializer, tensor, encodeInitializer);
  for (const input of graph.inputs) message(writer, F.graph.input, input, encodeValueInfo);
  for (const output of graph.outputs) message(writer, F.graph.output, output, encodeValueInfo);
}

/**
 * Encodes a model as the bytes of an ONNX ModelProto.
 *
 * @remarks Inline tensors count towards protobuf's 2 GiB limit: weights belong into external data.
 */
export function encodeModel(model: Model): Uint8Array {
  const writer = new BinaryWriter();
  int64(writer, F.model.irVersion, model.irVersion);
  string(writer, F.model.producer, model.producer);
  message(writer, F.model.graph, model.graph, encodeGraph);
  for (const [domain, version] of Object.entries(model.opsets)) {
    message(writer, F.model.opset, version, (opset) => {
      string(opset, F.opset.domain, domain);
      int64(opset, F.opset.version, version);
    });
  }
  return writer.finish();
}
