import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { KV_DTYPES, type KvDtype } from '@longhaul/engine-native';
import { languageRows } from './fidelity/language.js';
import { massiveRows } from './fidelity/massive.js';
import { passKeyRows } from './fidelity/pass-keys.js';
import { fidelityTable } from './fidelity/rows.js';
import { benchModel } from './models.js';

/** How faithful a KV type is to bf16, and to f32 where a channel is massive. A missed bar is no failure. */
/**
 * With f32 weights: int8 weights quantise activations, which turns the smallest difference of KV into a rounding of its own;
 * with them f32 and bf16 KV are no nearer to each other than this bar allows.
 */
const LANGUAGE_MODEL = 'smollm2-135m-instruct';
const PARTS = ['massive', 'language', 'pass-keys'] as const;

function options() {
  const { values } = parseArgs({
    options: {
      kv: { type: 'string', default: 'int8' },
      only: { type: 'string' },
      json: { type: 'string' },
      cache: { type: 'string', default: '.longhaul' },
    },
  });
  return {
    kv: oneOf('--kv', values.kv, KV_DTYPES),
    parts: values.only === undefined ? PARTS : [oneOf('--only', values.only, PARTS)],
    json: values.json === undefined ? null : resolve(values.json),
    cacheDir: resolve(values.cache, 'bench'),
  };
}

function oneOf<T extends string>(flag: string, value: string, known: readonly T[]): T {
  const found = known.find((each) => each === value);
  if (found === undefined) throw new Error(`${flag}: ${value} is not one of ${known.join(', ')}`);
  return found;
}

async function rowsOf(part: (typeof PARTS)[number], kv: KvDtype, cacheDir: string) {
  switch (part) {
    case 'massive':
      return massiveRows(kv);
    case 'language':
      return languageRows((await benchModel(LANGUAGE_MODEL, cacheDir, 'f32')).package, kv);
    case 'pass-keys':
      return passKeyRows(kv);
  }
}

const { kv, parts, json, cacheDir } = options();
const rows = [];
for (const part of parts) rows.push(...(await rowsOf(part, kv, cacheDir)));
console.log(`KV type ${kv}\n\n${fidelityTable(rows)}`);
if (json !== null) await writeFile(json, `${JSON.stringify(rows, null, 2)}\n`);
