import { ElementType, type Initializer } from '@longhaul/onnx';
import { WEIGHTS_FILE } from '../package/package-files.js';
import { PANEL_ROWS, panelFormat } from '../quantise/pack-panels.js';
import type { WeightFormat } from './weight-plan.js';

/** A weight in the weights file. */
export interface StoredWeight {
  /** Name in the graph, for instance `layers.0.qkv`. */
  name: string;
  format: WeightFormat;
  rows: number;
  /** Values per row; null for a vector (norm, bias), whose rows are single values. */
  columns: number | null;
  /** Byte offset of its values. */
  offset: number;
  /** Byte offset of its scales; null for f32, which has none. */
  scalesOffset: number | null;
}

/** Bytes of the values and of the scales of a weight. */
export function storedBytes({ format, rows, columns }: Omit<StoredWeight, 'offset' | 'scalesOffset'>): {
  values: number;
  scales: number;
} {
  if (format === 'f32') return { values: 4 * rows * (columns ?? 1), scales: 0 };
  const panels = panelFormat(format === 'int4' ? 4 : 8, rows, columns ?? 1);
  return { values: panels.valueBytes, scales: 2 * panels.scaleCount };
}

/** Initializer names of a weight: `name` for f32, `name.values` and `name.scales` for the quantised. */
export function initializerNames({ name, format }: Pick<StoredWeight, 'name' | 'format'>): {
  values: string;
  scales: string | null;
} {
  return format === 'f32' ? { values: name, scales: null } : { values: `${name}.values`, scales: `${name}.scales` };
}

/** The one or two tensors (values, scales) that a weight is in the graph. */
export function initializersOf(weight: StoredWeight): readonly Initializer[] {
  const { format, rows, columns, offset, scalesOffset } = weight;
  const names = initializerNames(weight);
  const bytes = storedBytes(weight);
  const at = (start: number, length: number) =>
    ({ kind: 'external', location: WEIGHTS_FILE, offset: start, length }) as const;
  if (names.scales === null || scalesOffset === null) {
    const dims = columns === null ? [rows] : [rows, columns];
    return [{ name: names.values, type: ElementType.float, dims, data: at(offset, bytes.values) }];
  }
  const { panels, blocks, bytesPerTile } = panelFormat(format === 'int4' ? 4 : 8, rows, columns ?? 1);
  const [values, scales] = [at(offset, bytes.values), at(scalesOffset, bytes.scales)];
  return [
    { name: names.values, type: ElementType.uint8, dims: [panels, blocks, bytesPerTile], data: values },
    { name: names.scales, type: ElementType.float16, dims: [panels, blocks, PANEL_ROWS], data: scales },
  ];
}
