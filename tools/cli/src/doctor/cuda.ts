import { execFile } from 'node:child_process';
import { access } from 'node:fs/promises';
import { join } from 'node:path';

/** One thing that computing on an NVIDIA GPU needs. */
export interface CudaNeed {
  what: string;
  found: boolean;
  /** Where it is, or why it is not. */
  detail: string;
}

/** Shared libraries of the driver and of CUDA 12, as ONNX Runtime's provider asks the loader for them. */
const LIBRARIES = ['libcuda.so.1', 'libcudart.so.12', 'libcublas.so.12', 'libcublasLt.so.12', 'libcudnn.so.9'] as const;
const PROVIDER_FILES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'] as const;
const DRIVER_FILE = '/proc/driver/nvidia/version';
const TIMEOUT_MS = 20_000;

/**
 * Everything that is needed for CUDA, each looked for by itself.
 *
 * @param runtimeFolder where libonnxruntime lies: it looks for its providers beside itself and nowhere else.
 */
export async function cudaNeeds(runtimeFolder: string | null): Promise<CudaNeed[]> {
  return [
    { what: 'CUDA kernels in this build', found: false, detail: 'not built: this version computes on the CPU' },
    await fileNeed('NVIDIA driver', DRIVER_FILE),
    ...(await libraryNeeds(LIBRARIES)),
    ...(await Promise.all(PROVIDER_FILES.map((name) => providerNeed(name, runtimeFolder)))),
  ];
}

function providerNeed(name: string, folder: string | null): Promise<CudaNeed> | CudaNeed {
  if (folder === null) return { what: name, found: false, detail: 'ONNX Runtime itself is missing' };
  return fileNeed(name, join(folder, name));
}

async function fileNeed(what: string, path: string): Promise<CudaNeed> {
  return access(path).then(
    () => ({ what, found: true, detail: path }),
    () => ({ what, found: false, detail: `${path} does not exist` }),
  );
}

/** Libraries run code when they are loaded, which may end a process: they are loaded in a child. */
export async function libraryNeeds(names: readonly string[]): Promise<CudaNeed[]> {
  const faults = await loadFaults(names);
  return names.map((what) => {
    const fault = faults[what];
    return { what, found: fault === null, detail: fault === null ? 'loads' : (fault ?? 'the loader was ended') };
  });
}

/** What loads and is no addon of Node is what we look for. */
const SCRIPT = `
  const faults = {};
  for (const name of process.argv.slice(1)) {
    try {
      process.dlopen({ exports: {} }, name);
      faults[name] = null;
    } catch (error) {
      faults[name] = /did not self-register/.test(error.message) ? null : error.message;
    }
  }
  process.stdout.write(JSON.stringify(faults));
`;

function loadFaults(names: readonly string[]): Promise<Record<string, string | null | undefined>> {
  return new Promise((resolve) => {
    execFile(process.execPath, ['-e', SCRIPT, ...names], { timeout: TIMEOUT_MS }, (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout) as Record<string, string | null>);
      else resolve({});
    });
  });
}
