import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '@longhaul/kernel';

/** File name of the library inside onnxruntime-node, by platform. */
const LIBRARY_NAMES: Readonly<Record<string, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.dylib',
};

function missing(message: string): AppError {
  return new AppError({ code: 'FAILED_PRECONDITION', reason: 'ENGINE_NOT_BUILT', message });
}

/** Path of the compiled addon. Throws AppError ENGINE_NOT_BUILT when it has not been compiled. */
export function addonPath(): string {
  const root = dirname(dirname(fileURLToPath(import.meta.url)));
  const path = join(root, 'build', 'longhaul_engine.node');
  if (!existsSync(path)) throw missing('The native engine is not compiled: run `npm run native:build`.');
  return path;
}

/**
 * Path of the libonnxruntime that onnxruntime-node ships; that package itself is never loaded. Throws AppError
 * ENGINE_NOT_BUILT when it is missing or has no library for this machine.
 */
export function onnxRuntimePath(): string {
  const name = LIBRARY_NAMES[process.platform];
  let manifest: string;
  try {
    manifest = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  } catch (cause) {
    throw missing(`onnxruntime-node is not installed: ${String(cause)}`);
  }
  const folder = join(dirname(manifest), 'bin', 'napi-v6', process.platform, process.arch);
  const path = name === undefined ? undefined : join(folder, name);
  if (path === undefined || !existsSync(path)) {
    throw missing(`onnxruntime-node has no library for ${process.platform} on ${process.arch}.`);
  }
  return path;
}
