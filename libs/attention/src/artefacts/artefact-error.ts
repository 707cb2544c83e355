import { AppError } from '@longhaul/kernel';

/** The error for an artefact that cannot be used: damaged, or of another model. */
export function artefactError(name: string, what: string): AppError {
  return new AppError({
    code: 'FAILED_PRECONDITION',
    reason: 'ATTENTION_ARTEFACT',
    message: `The artefact ${name} ${what}. Make it anew with \`longhaul model calibrate\`.`,
  });
}
