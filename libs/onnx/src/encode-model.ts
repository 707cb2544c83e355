import {
  AttributeProto_AttributeType,
  ModelProto,
  TensorProto_DataLocation,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
  type ValueInfoProto,
} from './generated/onnx/onnx.js';
import type { Attribute, Graph, Initializer, Model, Node, ValueInfo } from './graph.js';

const utf8 = new TextEncoder();

/**
 * Encodes a model as the bytes of an ONNX ModelProto.
 *
 * @remarks Inline tensors count towards protobuf's 2 GiB limit: weights belong into external data.
 */
export function encodeModel(model: Model): Uint8Array {
  return ModelProto.encode({
    irVersion: model.irVersion,
    producerName: model.producer,
    graph: graphOf(model.graph),
    opsetImport: Object.entries(model.opsets).map(([domain, version]) => ({ domain, version })),
  }).finish();
}

function graphOf(graph: Graph): GraphProto {
  return {
    name: graph.name,
    node: graph.nodes.map(nodeOf),
    initializer: graph.initializers.map(tensorOf),
    input: graph.inputs.map(valueInfoOf),
    output: graph.outputs.map(valueInfoOf),
  };
}

function nodeOf({ inputs, outputs, name, op, domain, attributes }: Node): NodeProto {
  const attribute = Object.entries(attributes).map(([key, value]) => attributeOf(key, value));
  return { input: [...inputs], output: [...outputs], name, opType: op, domain, attribute };
}

function attributeOf(name: string, value: Attribute): AttributeProto {
  const { FLOAT, INT, STRING, FLOATS, INTS } = AttributeProto_AttributeType;
  if ('f' in value) return { name, type: FLOAT, f: value.f };
  if ('i' in value) return { name, type: INT, i: value.i };
  if ('s' in value) return { name, type: STRING, s: utf8.encode(value.s) };
  if ('floats' in value) return { name, type: FLOATS, floats: [...value.floats] };
  return { name, type: INTS, ints: [...value.ints] };
}

function tensorOf({ name, type, dims, data }: Initializer): TensorProto {
  const tensor = { name, dataType: type, dims: [...dims] };
  if (data.kind === 'inline') return { ...tensor, rawData: data.bytes };
  const externalData = [
    { key: 'location', value: data.location },
    { key: 'offset', value: String(data.offset) },
    { key: 'length', value: String(data.length) },
  ];
  return { ...tensor, externalData, dataLocation: TensorProto_DataLocation.EXTERNAL };
}

function valueInfoOf({ name, type, shape }: ValueInfo): ValueInfoProto {
  const dim = shape.map((one) =>
    typeof one === 'number'
      ? ({ value: { $case: 'dimValue', value: one } } as const)
      : ({ value: { $case: 'dimParam', value: one } } as const),
  );
  return { name, type: { value: { $case: 'tensorType', value: { elemType: type, shape: { dim } } } } };
}
