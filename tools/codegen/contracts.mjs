// Generates libs/contracts/src/generated from proto/: message and service code, and the file descriptors as data.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const protoDir = join(root, 'proto');
const buf = join(root, 'node_modules/.bin/buf');

function runBuf(...args) {
  execFileSync(buf, args, { cwd: protoDir, stdio: 'inherit' });
}

function descriptorModule(descriptorSet) {
  const lines = descriptorSet.toString('base64').match(/.{1,110}/g) ?? [];
  const quoted = lines.map((line) => `  '${line}',`).join('\n');
  return [
    '// Generated from proto/ by tools/codegen/contracts.mjs. Do not edit.',
    '/** The serialized google.protobuf.FileDescriptorSet of all contracts, base64 in pieces. */',
    `export const fileDescriptorSetBase64: readonly string[] = [\n${quoted}\n];`,
    '',
  ].join('\n');
}

const scratch = mkdtempSync(join(tmpdir(), 'longhaul-contracts-'));
try {
  runBuf('lint');
  runBuf('generate');
  const image = join(scratch, 'descriptors.binpb');
  runBuf('build', '--as-file-descriptor-set', '--exclude-source-info', '-o', image);
  writeFileSync(join(root, 'libs/contracts/src/generated/descriptors.ts'), descriptorModule(readFileSync(image)));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
