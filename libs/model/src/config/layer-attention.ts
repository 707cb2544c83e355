import type { LayerAttention } from '../manifest.js';
import { shownValue, unsupportedConfig } from './config-error.js';
import type { ConfigReader } from './config-reader.js';
import type { Family } from './families.js';

const isString = (value: unknown): value is string => typeof value === 'string';
const isFlag = (value: unknown): value is number | boolean => typeof value === 'boolean' || value === 0 || value === 1;

/** Whether each layer rotates. SmolLM3's `no_rope_layers` holds 1 for the layers that do. */
function layersWithRope(config: ConfigReader, family: Family, layers: number): readonly boolean[] {
  if (family.name !== 'smollm3') return new Array<boolean>(layers).fill(true);
  if (config.has('no_rope_layers')) return config.array('no_rope_layers', layers, isFlag).map(Boolean);
  const interval = config.number('no_rope_layer_interval');
  return Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0);
}

function slidesByDefault(config: ConfigReader, family: Family, withRope: readonly boolean[]): readonly boolean[] {
  const rules: Record<Family['sliding'], (layer: number) => boolean> = {
    all: () => true,
    from_max_window_layers: (layer) => layer >= config.number('max_window_layers'),
    even_layers: (layer) => layer % 2 === 0,
    by_pattern: (layer) => (layer + 1) % config.number('sliding_window_pattern') !== 0,
    without_rope: (layer) => withRope[layer] === false,
  };
  return withRope.map((_, layer) => rules[family.sliding](layer));
}

function slidesByType(config: ConfigReader, layers: number): readonly boolean[] {
  return config.array('layer_types', layers, isString).map((type) => {
    if (type !== 'full_attention' && type !== 'sliding_attention') {
      throw unsupportedConfig(config.name('layer_types'), `Layer type ${shownValue(type)}`);
    }
    return type === 'sliding_attention';
  });
}

/**
 * Window and rotation of every layer.
 *
 * @returns layers whose `ropeClass` is 0, or 1 for the sliding layers of Gemma 3, or null without rotation.
 */
export function parseLayerAttention(config: ConfigReader, family: Family, layers: number): readonly LayerAttention[] {
  const withRope = layersWithRope(config, family, layers);
  const slides = config.has('layer_types') ? slidesByType(config, layers) : slidesByDefault(config, family, withRope);
  const enabled = !config.has('use_sliding_window') || config.boolean('use_sliding_window');
  const window = enabled ? config.optionalNumber('sliding_window') : null;
  return slides.map((sliding, layer) => ({
    ropeClass: withRope[layer] ? (sliding && family.name === 'gemma3_text' ? 1 : 0) : null,
    window: sliding ? window : null,
  }));
}
