import { cp, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const OUT = fileURLToPath(new URL('../../../../tools/goldens/out', import.meta.url));
const OWN = /\.safetensors$|\.safetensors\.index\.json$|config\.json$|^tokenizer/;

type Json = Record<string, unknown>;

/** A writable copy of one of the tiny checkpoints that transformers wrote, without the golden results. */
export async function copyCheckpoint(target: string, name = 'llama'): Promise<string> {
  for (const file of await readdir(join(OUT, name))) {
    if (OWN.test(file)) await cp(join(OUT, name, file), join(target, file));
  }
  return target;
}

/** A new directory of its own for a test. */
export function workDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'longhaul-import-'));
}

/** Changes a JSON file in place. */
export async function editJson(directory: string, name: string, edit: (json: Json) => void): Promise<void> {
  const path = join(directory, name);
  const json = JSON.parse(await readFile(path, 'utf8')) as Json;
  edit(json);
  await writeFile(path, JSON.stringify(json));
}
