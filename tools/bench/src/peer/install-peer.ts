import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const VERSION = '3.22.1';

/**
 * Installs node-llama-cpp with this platform's CPU library into `directory`, once. It is no dependency of the project:
 * nothing but the comparison needs it. No install script runs; the library inside the package is used as it is.
 *
 * @returns URL of its module.
 */
export function installPeer(directory: string): string {
  const entry = join(directory, 'node_modules', 'node-llama-cpp', 'dist', 'index.js');
  const library = `@node-llama-cpp/${platformName()}`;
  if (!existsSync(entry) || !existsSync(join(directory, 'node_modules', library))) {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'package.json'), '{ "private": true }\n');
    const packages = [`node-llama-cpp@${VERSION}`, `${library}@${VERSION}`];
    const args = [
      'install',
      '--ignore-scripts',
      '--omit=optional',
      '--no-audit',
      '--no-fund',
      '--prefix',
      directory,
      ...packages,
    ];
    process.stderr.write(`installing ${packages.join(' ')}\n`);
    const result = spawnSync('npm', args, { stdio: ['ignore', 'ignore', 'inherit'] });
    if (result.status !== 0) throw new Error(`npm could not install ${packages.join(' ')}`);
  }
  return pathToFileURL(entry).href;
}

function platformName(): string {
  const names: Readonly<Record<string, string>> = {
    'linux-x64': 'linux-x64',
    'linux-arm64': 'linux-arm64',
    'darwin-arm64': 'mac-arm64-metal',
    'darwin-x64': 'mac-x64',
  };
  const name = names[`${process.platform}-${process.arch}`];
  if (name === undefined) throw new Error(`node-llama-cpp has no CPU library for ${process.platform}-${process.arch}`);
  return name;
}
