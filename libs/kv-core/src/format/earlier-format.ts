import type { AppError } from '@longhaul/kernel';
import { FORMAT_MAJOR } from './constants.js';

/**
 * Whether a block was refused because its format is an earlier one: its keys are of an older chain, so nobody asks for
 * it any more. One of a later format is somebody's, who may come back.
 */
export function isEarlierFormat({ reason, details }: AppError): boolean {
  const { fault, version } = details;
  return reason === 'KV_UNSUPPORTED' && fault === 'major_version' && Number(version) < FORMAT_MAJOR;
}
