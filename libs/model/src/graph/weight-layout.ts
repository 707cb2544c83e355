import { ElementType, type Initializer } from '@longhaul/onnx';
import { WEIGHTS_FILE } from '../package/package-files.js';
import { PANEL_ROWS, panelFormat } from '../quantise/pack-panels.js';
import type { WeightPlan, WeightPlans } from './weight-plan.js';

const PAGE_BYTES = 4096;
const LINE_BYTES = 64;

export interface WeightLayout {
  /** One or two (values, scales) per plan, in the order of the plans. */
  initializers: readonly Initializer[];
  /** Size of the weights file. */
  bytes: number;
}

/** Initializer names of a plan: `name` for f32, `name.values` and `name.scales` for the quantised. */
export function initializerNames(plan: WeightPlan): { values: string; scales: string | null } {
  if (plan.format === 'f32') return { values: plan.name, scales: null };
  return { values: `${plan.name}.values`, scales: `${plan.name}.scales` };
}

type Tensor = Pick<Initializer, 'name' | 'type' | 'dims'> & { bytes: number };

function tensorsOf(plan: WeightPlan): readonly Tensor[] {
  const { values, scales } = initializerNames(plan);
  if (scales === null || plan.columns === null) {
    const dims = plan.columns === null ? [plan.rows] : [plan.rows, plan.columns];
    return [{ name: values, type: ElementType.float, dims, bytes: 4 * plan.rows * (plan.columns ?? 1) }];
  }
  const format = panelFormat(plan.format === 'int4' ? 4 : 8, plan.rows, plan.columns);
  const tiles = [format.panels, format.blocks];
  return [
    { name: values, type: ElementType.uint8, dims: [...tiles, format.bytesPerTile], bytes: format.valueBytes },
    { name: scales, type: ElementType.float16, dims: [...tiles, PANEL_ROWS], bytes: 2 * format.scaleCount },
  ];
}

/**
 * Places every weight in the weights file. What fills a page starts on one, so that it can be mapped by itself; what
 * is smaller starts on a cache line.
 */
export function layoutWeights(plans: WeightPlans): WeightLayout {
  const initializers: Initializer[] = [];
  let end = 0;
  for (const { bytes, ...tensor } of plans.all.flatMap(tensorsOf)) {
    const alignment = bytes >= PAGE_BYTES ? PAGE_BYTES : LINE_BYTES;
    const offset = Math.ceil(end / alignment) * alignment;
    initializers.push({ ...tensor, data: { kind: 'external', location: WEIGHTS_FILE, offset, length: bytes } });
    end = offset + bytes;
  }
  return { initializers, bytes: end };
}
