import { AppError } from '@longhaul/kernel';
import { prepareModel, type WeightScheme } from '@longhaul/model';
import { longhaulHome } from './packages.js';

export const DEFAULT_MODEL = 'smollm2-135m-instruct';

/** The package of the default model, fetched and imported once on a machine; or why it cannot be had here. */
export type DefaultModel = { dir: string } | { missing: string };

/**
 * Where the model cannot be had, CI fails and everybody else is told what was left out.
 *
 * @throws AppError of fetching or importing where `CI=true`.
 */
export async function defaultModel(weights: WeightScheme): Promise<DefaultModel> {
  try {
    const { dir } = await prepareModel(DEFAULT_MODEL, { home: longhaulHome(), weights });
    return { dir };
  } catch (error) {
    if (process.env['CI'] === 'true') throw error;
    const missing = AppError.from(error).message;
    console.warn(`Skipped: the default model cannot be had here (${missing}).`);
    return { missing };
  }
}
