import { execFile } from 'node:child_process';
import { AppError } from '@longhaul/kernel';

/** Loads both libraries and says so; a crash or a missing symbol ends the child and not its parent. */
const SCRIPT = `
  const [addon, library] = process.argv.slice(1);
  const holder = { exports: {} };
  process.dlopen(holder, addon);
  holder.exports.load(library);
  holder.exports.runtime();
  process.stdout.write('ok');
`;

const TIMEOUT_MS = 60_000;

/**
 * Tries the binary in a child process, because a library that does not fit this machine may kill the process that
 * loads it. Rejects with AppError ENGINE_UNUSABLE and the child's last words.
 */
export function probeAddon(addonPath: string, libraryPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = ['-e', SCRIPT, addonPath, libraryPath];
    execFile(process.execPath, args, { timeout: TIMEOUT_MS }, (error, stdout, stderr) => {
      if (error === null && stdout === 'ok') {
        resolve();
        return;
      }
      const words = stderr.trim().split('\n').slice(-8).join('\n');
      const signal = error?.signal ?? undefined;
      const end = signal === undefined ? '' : ` (${signal})`;
      reject(
        new AppError({
          code: 'FAILED_PRECONDITION',
          reason: 'ENGINE_UNUSABLE',
          message: `The native engine does not run on this machine${end}: ${words}`,
          cause: error,
        }),
      );
    });
  });
}
