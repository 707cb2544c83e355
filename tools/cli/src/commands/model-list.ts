import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { longhaulHome } from '@longhaul/embedded';
import { AppError } from '@longhaul/kernel';
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
  /** Kinds of artefacts that calibration has left in it. */
  readonly artefacts: readonly string[];
  readonly path: string;
}

/** `longhaul model list`: names that need no source, and what is imported already. */
export async function listCommand(argv: readonly string[]): Promise<void> {
  const flags = parseFlags(argv, [], ['json']);
  refuseWords(flags);
  const folder = join(longhaulHome(), 'models');
  const { packages, outdated } = await readyPackages(folder);
  if (flags.switches.has('json')) {
    console.log(JSON.stringify({ known: knownNames(), packages, outdated }, null, 2));
    return;
  }
  const rows = packages.map(({ name, family, contextTokens, weights, bytes, artefacts, path }) => [
    ...[name, family, contextTokens, weights, megabytes(bytes), artefacts.join(', ') || 'none', path],
  ]);
  const ready =
    rows.length === 0
      ? ['none']
      : table(['name', 'family', 'context', 'weights', 'size', 'artefacts', 'package'], rows);
  const others =
    outdated.length === 0 ? [] : ['', 'Of another release, not used any more; may be removed:', ...outdated];
  console.log(
    ['Known names:', ...knownNames().map((name) => `  ${name}`), '', `Ready in ${folder}:`, ...ready, ...others].join(
      '\n',
    ),
  );
}

interface CachedPackages {
  readonly packages: readonly ReadyPackage[];
  /** Paths of those that another release has made: `prepare` makes them anew, in places of their own. */
  readonly outdated: readonly string[];
}

/** What is no sound package is left out: it would be made anew. */
async function readyPackages(folder: string): Promise<CachedPackages> {
  const packages: ReadyPackage[] = [];
  const outdated: string[] = [];
  for (const entry of (await readdir(folder).catch(() => [])).sort()) {
    const path = join(folder, entry);
    try {
      const { name, family, contextLength, weights, artefacts } = (await openPackage(path)).manifest;
      const facts = { name, family, contextTokens: contextLength, weights: weights.scheme, bytes: weights.bytes };
      packages.push({ ...facts, artefacts: Object.keys(artefacts ?? {}).sort(), path });
    } catch (error) {
      if (AppError.from(error).reason === 'PACKAGE_VERSION') outdated.push(path);
    }
  }
  return { packages, outdated };
}
