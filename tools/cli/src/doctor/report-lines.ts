import { facts, size, table } from '../kv/print.js';
import type { FolderReport } from './disk.js';
import type { DoctorReport } from './examine.js';
import type { KernelLine } from './kernels.js';

/** The report for people. */
export function reportLines(report: DoctorReport): string[] {
  return [
    ...facts(machineFacts(report)),
    '',
    'Kernels: rates of one thread while the others do the same; * is what a server would run',
    ...table(['operator', 'level', 'prefill', 'decode', ''], report.kernels.map(kernelRow)),
    '',
    'CUDA',
    ...table(
      ['needed', 'found', ''],
      report.cuda.map(({ what, found, detail }) => [what, found ? 'yes' : 'no', detail]),
    ),
    '',
    ...conclusion('Problems', report.problems, 'none'),
    ...conclusion('Remarks', report.remarks, 'none'),
  ];
}

function machineFacts(report: DoctorReport): [string, string][] {
  const { processor, machine, onnxRuntime } = report;
  const quota = machine.coreQuota === null ? '' : `, container quota ${machine.coreQuota}`;
  const limit = machine.memoryLimitBytes === null ? '' : `, container limit ${size(machine.memoryLimitBytes)}`;
  const identity = `${processor.vendor} family ${processor.family}, model ${processor.model}, stepping ${processor.stepping}`;
  return [
    ['processor', `${processor.name} (${identity})`],
    ['instruction sets', processor.features.join(' ') || 'none that kernels use'],
    ['cores', `${machine.cores}${quota}`],
    ['memory', `${size(machine.memoryBytes)}${limit}, ${size(machine.memoryFreeBytes)} free`],
    ['huge pages', `transparent: ${machine.transparentHugePages ?? 'not told'}; a KV pool gets ${granted(report)}`],
    [
      'ONNX Runtime',
      onnxRuntime === null ? 'does not load' : `${onnxRuntime.version}, built for ${onnxRuntime.providers.join(', ')}`,
    ],
    ['LONGHAUL_HOME', folderText(report.home)],
    ['KV directory', folderText(report.kvDir)],
  ];
}

function granted({ poolHugePages }: DoctorReport): string {
  if (poolHugePages === null) return 'not known';
  return poolHugePages ? 'them' : 'none';
}

function folderText({ path, freeBytes, writable }: FolderReport): string {
  return `${path}, ${size(freeBytes)} free${writable ? '' : ', cannot be written'}`;
}

function kernelRow({ operator, level, supported, prefillGops, decodeGbps, best }: KernelLine): string[] {
  if (!supported) return [operator, level, 'not on this processor', '', ''];
  const rate = (value: number | null, unit: string) =>
    value === null || value === 0 ? '-' : `${value.toFixed(1)} ${unit}`;
  return [operator, level, rate(prefillGops, 'GOP/s'), rate(decodeGbps, 'GB/s'), best ? '*' : ''];
}

function conclusion(title: string, lines: readonly string[], none: string): string[] {
  if (lines.length === 0) return [`${title}: ${none}`];
  return [`${title}:`, ...lines.map((line) => `  ${line}`)];
}
