import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { randomStrings } from './goldens/strings.js';

/** Every kind of pipeline with a golden; `needle-3m` is the tokenizer of the fixture model. */
export const KINDS = [
  'needle-3m',
  'gpt2',
  'roberta-prefix',
  'llama3',
  'qwen2',
  'o200k',
  'smollm',
  'llama2',
  'mistral',
  'phi3',
  'gemma',
  'metaspace',
] as const;

export type Kind = (typeof KINDS)[number];

/** Bytes of a file below libs/tokenizer/test/goldens. */
export function goldenFile(name: string): Uint8Array {
  return readFileSync(fileURLToPath(new URL(`goldens/${name}`, import.meta.url)));
}

function fixtureFile(name: string): Uint8Array {
  return readFileSync(fileURLToPath(new URL(`../../testing/fixtures/needle-3m/${name}`, import.meta.url)));
}

/** Files of a tokenizer as createTokenizer takes them; the tiny ones have no configuration. */
export function tokenizerFiles(kind: Kind): { tokenizerJson: Uint8Array; tokenizerConfigJson: Uint8Array } {
  if (kind !== 'needle-3m') {
    return { tokenizerJson: goldenFile(`${kind}.tokenizer.json`), tokenizerConfigJson: new Uint8Array() };
  }
  return { tokenizerJson: fixtureFile('tokenizer.json'), tokenizerConfigJson: fixtureFile('tokenizer_config.json') };
}

/** The 10,000 strings of the goldens. */
export function goldenStrings(): string[] {
  const alphabet: Record<string, readonly string[]> = JSON.parse(new TextDecoder().decode(goldenFile('alphabet.json')));
  return randomStrings(Object.values(alphabet));
}
