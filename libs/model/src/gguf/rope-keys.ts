import { shown, unsupported } from '../checkpoint/checkpoint-errors.js';
import type { MetadataView } from './metadata-view.js';

/**
 * Every key under `<architecture>.rope.` that llama.cpp knows. `read` ones are applied, `stated` ones change nothing
 * there either, the others are refused unless they have the value that changes nothing.
 */
export const ROPE_KEYS = {
  dimension_count: 'read',
  freq_base: 'read',
  scale_linear: 'read',
  'scaling.type': 'read',
  'scaling.factor': 'read',
  'scaling.attn_factor': 'read',
  'scaling.original_context_length': 'read',
  'scaling.yarn_beta_fast': 'read',
  'scaling.yarn_beta_slow': 'read',
  'scaling.finetuned': 'stated',
  dimension_count_swa: 'same as dimension_count',
  freq_base_swa: 'same as freq_base, but for gemma3',
  dimension_sections: 'all 0',
  'scaling.alpha': '0 or 1',
  'scaling.yarn_log_multiplier': '0',
  'scaling.yarn_ext_factor': '1',
  'scaling.yarn_attn_factor': '1',
} as const;

/** llama.cpp's, for files that name no base. */
export const DEFAULT_THETA = 10_000;

type RopeKey = keyof typeof ROPE_KEYS;

/**
 * Refuses what would change the rotation and is not applied, by name.
 *
 * @param prefix the architecture
 * @throws AppError `UNSUPPORTED_CHECKPOINT` for an unknown key under `<prefix>.rope.`, or a known one with a value that
 *   is not applied.
 */
export function refuseUnknownRope(view: MetadataView, prefix: string): void {
  for (const key of view.keysUnder(`${prefix}.rope.`)) {
    if (!Object.hasOwn(ROPE_KEYS, key)) throw refused(view, `${prefix}.rope.${key}`, 'is not known');
    const rule = ROPE_KEYS[key as RopeKey];
    if (rule === 'read' || rule === 'stated' || isNeutral(view, prefix, key as RopeKey)) continue;
    throw refused(view, `${prefix}.rope.${key}`, `is not supported but for the value ${rule}`);
  }
}

function isNeutral(view: MetadataView, prefix: string, key: RopeKey): boolean {
  const name = `${prefix}.rope.${key}`;
  switch (ROPE_KEYS[key]) {
    case 'same as dimension_count':
      return view.number(name) === view.number(`${prefix}.rope.dimension_count`);
    case 'same as freq_base, but for gemma3':
      return prefix === 'gemma3' || view.number(name) === (view.number(`${prefix}.rope.freq_base`) ?? DEFAULT_THETA);
    case 'all 0':
      return view.numbers(name)?.every((value) => value === 0) ?? true;
    case '0 or 1':
      return [0, 1].includes(view.number(name) ?? 0);
    default:
      return view.number(name) === Number(ROPE_KEYS[key]);
  }
}

function refused(view: MetadataView, key: string, why: string): Error {
  return unsupported(view.file, `the metadata key ${shown(key)} ${why}, which means that the rotation would be wrong.`);
}
