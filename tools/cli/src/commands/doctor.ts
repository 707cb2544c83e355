import { join, resolve } from 'node:path';
import { longhaulHome } from '@longhaul/embedded';
import { openPackage } from '@longhaul/model';
import { examine } from '../doctor/examine.js';
import { DEFAULT_SHAPE } from '../doctor/kernels.js';
import { reportLines } from '../doctor/report-lines.js';
import { parseFlags, refuseWords } from '../flags.js';
import { printReport } from '../kv/print.js';

export const DOCTOR_HELP = `longhaul doctor [--model <package>] [--kv-dir DIR] [--json]
  What this machine has and what a server would do with it: processor, memory, huge pages, the measured rates of all kernels,
  ONNX Runtime, free disk, and what is missing for CUDA. Kernels are measured on the shapes of a model package, else on those
  of the default model. The exit code is 1 where something keeps a server from running: see Problems.`;

/** `longhaul doctor`: a report on stdout. */
export async function doctorCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['model', 'kv-dir'], ['json']);
  refuseWords(flags);
  const model = flags.values['model'];
  const shape = model === undefined ? DEFAULT_SHAPE : (await openPackage(model)).manifest.shape;
  const home = longhaulHome();
  const kvDir = resolve(flags.values['kv-dir'] ?? join(home, 'kv'));
  const report = await examine({ home, kvDir }, shape);
  printReport(report, flags.switches.has('json'), () => reportLines(report));
  if (report.problems.length > 0) process.exitCode = 1;
}
