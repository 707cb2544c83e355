import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { filesBelow, ROOT } from './repository-files.js';
import { blocksOf, commandsOf, inlineCommandsOf, invocationOf, type Invocation } from './shell-blocks.js';

interface Package {
  /** Relative to the root, which is empty. */
  readonly folder: string;
  readonly name: string;
  readonly scripts: Readonly<Record<string, string>>;
}

/** Commands of npm itself. */
const NPM = new Set(['install', 'ci', 'exec']);
const folders = ['libs', 'services', 'tools'].flatMap((folder) =>
  readdirSync(join(ROOT, folder)).map((name) => join(folder, name)),
);
const packages = ['', ...folders].map(packageIn).filter((found) => found !== null);

function packageIn(folder: string): Package | null {
  const path = join(ROOT, folder, 'package.json');
  if (!existsSync(path)) return null;
  const { name, scripts = {} } = JSON.parse(readFileSync(path, 'utf8')) as {
    name: string;
    scripts?: Package['scripts'];
  };
  return { folder, name, scripts };
}

/** A script of the root, of the workspace that is named, or of the package whose page this is. */
function exists({ script, workspace }: Invocation, page: string): boolean {
  if (NPM.has(script)) return true;
  const inReach = packages.filter(({ folder, name }) =>
    workspace === null ? folder === '' || page.startsWith(`${folder}/`) : name === workspace,
  );
  return inReach.some(({ scripts }) => Object.hasOwn(scripts, script));
}

describe('commands in documents', () => {
  it.each(filesBelow('.', '.md'))('%s names only scripts that there are', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    const lines = [...blocksOf(text).flatMap(commandsOf), ...inlineCommandsOf(text)];
    const unknown = lines.filter((line) => {
      const invocation = invocationOf(line);
      return invocation !== null && !exists(invocation, page);
    });
    expect(unknown).toEqual([]);
  });
});
