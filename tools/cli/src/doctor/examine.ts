import { dirname } from 'node:path';
import { loadEngine, onnxRuntimePath, type Engine } from '@longhaul/engine-native';
import { AppError } from '@longhaul/kernel';
import type { ModelManifest } from '@longhaul/model';
import { cudaNeeds, type CudaNeed } from './cuda.js';
import { folderReport, type FolderReport } from './disk.js';
import { kernelLines, type KernelLine } from './kernels.js';
import { machineReport, processorName, type MachineReport } from './machine.js';

/** What `longhaul doctor` found. */
export interface DoctorReport {
  processor: { name: string; vendor: string; family: number; model: number; stepping: number; features: string[] };
  machine: MachineReport;
  /** Whether a KV pool gets huge pages; null where the engine does not load. */
  poolHugePages: boolean | null;
  onnxRuntime: { version: string; providers: string[] } | null;
  /** See RuntimeInfo.tileProblem. */
  tileProblem: string;
  kernels: KernelLine[];
  home: FolderReport;
  kvDir: FolderReport;
  cuda: CudaNeed[];
  /** What keeps a server from starting or from serving well enough; any of them is exit code 1. */
  problems: string[];
  /** What a server does without. */
  remarks: string[];
}

const GIB = 2 ** 30;
/** Under this much even the default model and its cache have no room. */
const LEAST_FREE_BYTES = GIB;
/** Large enough that the kernel may give huge pages, small enough for any machine. */
const POOL = { layers: 1, kvHeads: 8, headDim: 64, pages: 1024, dtype: 'bf16' } as const;

/** Looks at everything; nothing of it rejects but bad folders. */
export async function examine(
  folders: { home: string; kvDir: string },
  shape: ModelManifest['shape'],
): Promise<DoctorReport> {
  const engine = await loadEngine().catch((error: unknown) => AppError.from(error));
  const usable = AppError.isInstance(engine) ? null : engine;
  const report: DoctorReport = {
    processor: processorOf(usable),
    machine: await machineReport(),
    poolHugePages: usable === null ? null : poolHugePages(usable),
    onnxRuntime: usable === null ? null : runtimeOf(usable),
    tileProblem: usable?.runtime.tileProblem ?? '',
    kernels: usable === null ? [] : await kernelLines(usable, shape),
    home: await folderReport(folders.home),
    kvDir: await folderReport(folders.kvDir),
    cuda: await cudaNeeds(runtimeFolder()),
    problems: AppError.isInstance(engine) ? [engine.message] : [],
    remarks: [],
  };
  report.problems.push(...problemsOf(report));
  report.remarks.push(...remarksOf(report));
  return report;
}

function processorOf(engine: Engine | null): DoctorReport['processor'] {
  if (engine === null) return { name: processorName(), vendor: '', family: 0, model: 0, stepping: 0, features: [] };
  const { processor } = engine.runtime;
  return { ...processor, name: processor.name || processorName(), features: [...processor.features] };
}

function runtimeOf({ runtime }: Engine): { version: string; providers: string[] } {
  return { version: runtime.version, providers: [...runtime.providers] };
}

function poolHugePages(engine: Engine): boolean {
  const pool = engine.createPool(POOL);
  try {
    return pool.hugePages;
  } finally {
    pool.dispose();
  }
}

function runtimeFolder(): string | null {
  try {
    return dirname(onnxRuntimePath());
  } catch {
    return null;
  }
}

/** Of a report without its own conclusions. */
export function problemsOf({ home, kvDir, machine }: Pick<DoctorReport, 'home' | 'kvDir' | 'machine'>): string[] {
  const problems = [...new Map([home, kvDir].map((folder) => [folder.path, folder])).values()].flatMap(
    ({ path, freeBytes, writable }) => [
      ...(writable ? [] : [`${path} cannot be written`]),
      ...(freeBytes < LEAST_FREE_BYTES ? [`${path} has less than 1 GiB of free disk`] : []),
    ],
  );
  if (machine.memoryFreeBytes < LEAST_FREE_BYTES) problems.push('less than 1 GiB of memory is free');
  return problems;
}

/** Of a report without its own conclusions. */
export function remarksOf(report: Omit<DoctorReport, 'problems' | 'remarks'>): string[] {
  const { machine, poolHugePages: granted, processor, kernels, tileProblem } = report;
  const remarks: string[] = [];
  if (tileProblem !== '') remarks.push(`the AMX of the processor is not used: ${tileProblem}`);
  if (granted === false) {
    const mode = machine.transparentHugePages ?? 'not told';
    remarks.push(
      `the KV pool gets no huge pages (transparent huge pages: ${mode}); attention over long texts is slower`,
    );
  }
  if (kernels.length > 0 && !processor.features.includes('avx2')) {
    remarks.push('the processor has no AVX2: only the scalar reference runs, which is very slow');
  }
  if (machine.coreQuota !== null && machine.coreQuota < machine.cores) {
    remarks.push(
      `the container may use ${machine.coreQuota} cores of ${machine.cores}: give --threads that many at most`,
    );
  }
  return remarks;
}
