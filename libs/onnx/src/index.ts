export { encodeModel } from './encode-model.js';
export { ElementType } from './graph.js';
export type { Attribute, Dimension, Graph, Initializer, Model, Node, TensorData, ValueInfo } from './graph.js';
