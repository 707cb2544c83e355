/** How one weight is stored. */
export type WeightFormat = 'f32' | 'int8' | 'int4';

/** Rows of a checkpoint tensor, all of them, in order. */
export interface WeightPart {
  tensor: string;
  rows: number;
}

/** One weight of the graph: checkpoint tensors stacked along their rows. */
export interface WeightPlan {
  /** Name in the graph, for instance `layers.0.qkv`. */
  name: string;
  parts: readonly WeightPart[];
  /** Rows of all parts together. */
  rows: number;
  /** Values per row; null for a vector (norm, bias), whose rows are single values. */
  columns: number | null;
  format: WeightFormat;
  /** Added to every value: 1 for norms that are stored less one. */
  offset: 0 | 1;
}
