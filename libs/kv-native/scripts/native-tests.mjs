// Compiles and runs the C++ tests, plain or with the sanitizers named: `native-tests.mjs [address]`.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const variant = process.argv[2] ?? 'plain';
const extra = variant === 'address' ? ['-g', '-fsanitize=address,undefined', '-fno-sanitize-recover=all'] : [];

function run(command, args) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
  if (status === 0) return;
  console.error(error ? `${command}: ${error.message}` : `${command} failed.`);
  process.exit(1);
}

const sources = (folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(folder, name));
mkdirSync(join(root, 'build', 'native-tests'), { recursive: true });
const binary = join(root, 'build', 'native-tests', `crc32c-${variant}`);
const inputs = [...sources('native/crc32c'), ...sources('native/crc32c/test')];
run(process.env.CXX ?? 'g++', ['-std=gnu++20', '-O2', '-Wall', ...extra, '-Inative', '-o', binary, ...inputs]);
run(binary, []);
