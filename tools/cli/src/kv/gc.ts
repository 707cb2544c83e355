import { openDiskTier, requireLogFolder } from '@longhaul/kv-store';
import { parseFlags } from '../flags.js';
import { exclusively, kvDir } from './log-folder.js';
import { facts, printReport, size } from './print.js';

/** `longhaul kv gc`: rewrites segments with few live blocks and writes the index to its file. */
export async function kvGc(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, ['kv-dir'], ['json']);
  const directory = kvDir(flags);
  requireLogFolder(directory);
  const report = await exclusively(directory, () => compact(directory));
  printReport(report, flags.switches.has('json'), () =>
    facts([
      ['directory', directory],
      ['blocks', report.blocks],
      ['on the disk', `${size(report.bytesBefore)} before, ${size(report.bytesAfter)} now`],
      ['segments rewritten', report.compactions],
    ]),
  );
}

async function compact(directory: string) {
  const tier = await openDiskTier({ directory, limitBytes: Number.MAX_SAFE_INTEGER, scrubPerHour: 0 });
  try {
    const bytesBefore = tier.usedBytes;
    await tier.compact();
    await tier.checkpoint();
    const { objects, usedBytes, compactions } = tier.stats();
    return { directory, blocks: objects, bytesBefore, bytesAfter: usedBytes, compactions };
  } finally {
    await tier.close();
  }
}
