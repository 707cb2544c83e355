import { fileURLToPath } from 'node:url';

/** Directory of a fixture of this library, for instance the checkpoint `needle-3m`. */
export function fixturePath(name: string): string {
  return fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url));
}

/** A Qwen3-shaped checkpoint of 3.3 M parameters that answers questions about facts hidden in 4K to 32K tokens. */
export const NEEDLE_3M = fixturePath('needle-3m');
