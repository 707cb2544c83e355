import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './run-command.js';

/** Sources of this package that are no TypeScript. */
export const SOURCES = join(import.meta.dirname, '..');
const GRPCURL = 'github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.4';

/** Where a toolset lies, or why it cannot be had here. */
export type Installed = { readonly path: string } | { readonly missing: string };

/** A Python of its own with the pinned packages; its path. */
export async function installPython(home: string): Promise<Installed> {
  const requirements = join(SOURCES, 'python', 'requirements.txt');
  const folder = join(home, 'python');
  const python = join(folder, 'bin', 'python');
  return once(folder, readFileSync(requirements, 'utf8'), python, async () => {
    const made = await runCommand('python3', ['-m', 'venv', '--clear', folder]);
    if (made.code !== 0) return made;
    return runCommand(python, ['-m', 'pip', 'install', '--quiet', '-r', requirements]);
  });
}

/** A folder with the pinned npm packages; its path. */
export async function installNode(home: string): Promise<Installed> {
  const text = readFileSync(join(SOURCES, 'node', 'packages.json'), 'utf8');
  const folder = join(home, 'node');
  const packages = Object.entries(JSON.parse(text) as Record<string, string>).map(
    ([name, version]) => `${name}@${version}`,
  );
  return once(folder, text, folder, () => {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    const quiet = ['--no-audit', '--no-fund', '--loglevel=error', '--ignore-scripts'];
    return runCommand('npm', ['install', ...quiet, '--prefix', folder, ...packages]);
  });
}

/** The pinned grpcurl; its path. */
export async function installGrpcurl(home: string): Promise<Installed> {
  const folder = join(home, 'go');
  return once(folder, GRPCURL, join(folder, 'grpcurl'), () =>
    runCommand('go', ['install', '-trimpath', GRPCURL], { env: { GOBIN: folder } }),
  );
}

/** Installs unless just this was installed before. */
async function once(
  folder: string,
  version: string,
  path: string,
  install: () => Promise<{ code: number; stderr: string }>,
): Promise<Installed> {
  const stamp = join(folder, 'installed.txt');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === version) return { path };
  process.stderr.write(`installing into ${folder}\n`);
  mkdirSync(folder, { recursive: true });
  const { code, stderr } = await install();
  if (code !== 0) return { missing: stderr.trim().split('\n').slice(-3).join(' ').slice(0, 400) };
  writeFileSync(stamp, version);
  return { path };
}
