import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { longhaulHome } from '@longhaul/embedded';
import { openPackage } from '@longhaul/model';
import { table } from '../kv/print.js';
import { parseFlags, refuseWords } from '../flags.js';
import { knownNames } from '../model-source.js';
import { megabytes } from '../progress-bar.js';

/** A package in the cache; `prepare` and `serve` find it by the name that it was made from. */
interface ReadyPackage {
  readonly name: string;
  readonly family: string;
  readonly contextTokens: number;
  readonly weights: string;
  readonly bytes: number;
  readonly path: string;
}

/** `longhaul model list`: names that need no source, and what is imported already. */
export async function listCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, [], ['json']);
  refuseWords(flags);
  const folder = join(longhaulHome(), 'models');
  const packages = await readyPackages(folder);
  if (flags.switches.has('json')) {
    console.log(JSON.stringify({ known: knownNames(), packages }, null, 2));
    return;
  }
  const rows = packages.map(({ name, family, contextTokens, weights, bytes, path }) => [
    ...[name, family, contextTokens, weights, megabytes(bytes), path],
  ]);
  const ready = rows.length === 0 ? ['none'] : table(['name', 'family', 'context', 'weights', 'size', 'package'], rows);
  console.log(
    ['Known names:', ...knownNames().map((name) => `  ${name}`), '', `Ready in ${folder}:`, ...ready].join('\n'),
  );
}

/** What is no sound package, or of another version, is left out: it would be made anew. */
async function readyPackages(folder: string): Promise<ReadyPackage[]> {
  const names = await readdir(folder).catch(() => []);
  const found = await Promise.all(
    names.sort().map(async (entry): Promise<ReadyPackage[]> => {
      const path = join(folder, entry);
      const opened = await openPackage(path).catch(() => null);
      if (opened === null) return [];
      const { name, family, contextLength, weights } = opened.manifest;
      return [{ name, family, contextTokens: contextLength, weights: weights.scheme, bytes: weights.bytes, path }];
    }),
  );
  return found.flat();
}
