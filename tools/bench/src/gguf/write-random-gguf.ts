import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { encodeGgufHead } from './gguf-layout.js';
import { type LlamaShape, llamaMetadata, llamaTensors } from './llama-shape.js';
import { randomTensorData, SeededBits } from './random-weights.js';

export interface RandomGgufOptions {
  seed: number;
  /** Called with the share written, 0 to 1. */
  onProgress?: (share: number) => void;
}

/**
 * Writes a Q8_0 GGUF file with random weights, streaming. The same shape and seed give the same bytes.
 *
 * @returns sha256 (hex) of the file.
 */
export async function writeRandomGguf(path: string, shape: LlamaShape, options: RandomGgufOptions): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  const tensors = llamaTensors(shape);
  const bits = new SeededBits(options.seed);
  const digest = createHash('sha256');
  const partial = `${path}.partial`;
  const file = await open(partial, 'w');
  try {
    const put = async (bytes: Buffer): Promise<void> => {
      digest.update(bytes);
      await file.writeFile(bytes);
    };
    await put(encodeGgufHead(llamaMetadata(shape), tensors));
    for (const [index, tensor] of tensors.entries()) {
      for (const chunk of randomTensorData(tensor, bits)) await put(chunk);
      options.onProgress?.((index + 1) / tensors.length);
    }
  } finally {
    await file.close();
  }
  await rename(partial, path);
  return digest.digest('hex');
}

/** The file of the shape in the cache folder, written on first use. */
export async function cachedRandomGguf(cacheDir: string, shape: LlamaShape): Promise<string> {
  const path = `${cacheDir}/${shape.name}-q8_0.gguf`;
  if (!existsSync(path)) await writeRandomGguf(path, shape, { seed: 1 });
  return path;
}
