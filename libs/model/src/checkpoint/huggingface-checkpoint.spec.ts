import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { buildSafetensors } from '../fuzz/safetensors-builder.js';
import { openCheckpoint } from './open-checkpoint.js';

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'checkpoint-'));
  await put('config.json', { model_type: 'llama' });
  await put('tokenizer.json', { model: {} });
});

afterEach(() => rm(directory, { recursive: true }));

function put(name: string, content: unknown): Promise<void> {
  const data = content instanceof Uint8Array || typeof content === 'string' ? content : JSON.stringify(content);
  return writeFile(join(directory, name), data);
}

function weights(name: string, values: readonly number[]): Uint8Array {
  const data = new Uint8Array(Float32Array.from(values).buffer);
  return buildSafetensors([{ name, dtype: 'F32', shape: [values.length], data }]);
}

describe('a Hugging Face directory', () => {
  it('is read from one file', async () => {
    await put('model.safetensors', weights('a', [1, 2, 3]));
    await put('generation_config.json', { eos_token_id: [2, 3] });
    const checkpoint = await openCheckpoint(directory);
    expect(checkpoint.kind).toBe('huggingface');
    expect(checkpoint.config).toEqual({ model_type: 'llama' });
    expect(checkpoint.generationConfig).toEqual({ eos_token_id: [2, 3] });
    expect([...(await checkpoint.readRows('a', 1, 2))]).toEqual([2, 3]);
    await expect(checkpoint.readRows('b', 0, 1)).rejects.toMatchObject({ reason: 'TENSOR_NOT_FOUND' });
    await expect(checkpoint.readRows('a', 2, 2)).rejects.toMatchObject({ reason: 'INVALID_ARGUMENT' });
    await checkpoint.close();
  });

  it('is read from shards', async () => {
    await put('model-00001-of-00002.safetensors', weights('a', [1]));
    await put('model-00002-of-00002.safetensors', weights('b', [2]));
    await put('model.safetensors.index.json', {
      weight_map: { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' },
    });
    const checkpoint = await openCheckpoint(directory);
    expect([...checkpoint.tensors.keys()].sort()).toEqual(['a', 'b']);
    expect([...(await checkpoint.readRows('b', 0, 1))]).toEqual([2]);
    await checkpoint.close();
  });

  it('names a shard that is missing', async () => {
    await put('model.safetensors.index.json', { weight_map: { a: 'model-00001-of-00001.safetensors' } });
    await expect(openCheckpoint(directory)).rejects.toMatchObject({
      reason: 'SHARD_MISSING',
      message: expect.stringContaining('model-00001-of-00001.safetensors'),
    });
  });

  it('takes no shard from another directory', async () => {
    await put('model.safetensors.index.json', { weight_map: { a: '../other.safetensors' } });
    await expect(openCheckpoint(directory)).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
  });

  it('refuses an index that disagrees with its shards', async () => {
    await put('s.safetensors', weights('a', [1]));
    await put('model.safetensors.index.json', { weight_map: { a: 's.safetensors', b: 's.safetensors' } });
    await expect(openCheckpoint(directory)).rejects.toMatchObject({
      reason: 'CHECKPOINT_CORRUPT',
      message: expect.stringContaining('"b"'),
    });
  });

  it('says when weights are pickled or missing', async () => {
    await expect(openCheckpoint(directory)).rejects.toMatchObject({ reason: 'WEIGHTS_MISSING' });
    await put('pytorch_model.bin', 'x');
    await expect(openCheckpoint(directory)).rejects.toMatchObject({
      reason: 'UNSUPPORTED_CHECKPOINT',
      message: expect.stringContaining('pytorch_model.bin'),
    });
  });

  it('needs a config.json that is an object', async () => {
    await put('model.safetensors', weights('a', [1]));
    await put('config.json', '[1]');
    await expect(openCheckpoint(directory)).rejects.toMatchObject({ reason: 'CHECKPOINT_CORRUPT' });
    await rm(join(directory, 'config.json'));
    await expect(openCheckpoint(directory)).rejects.toMatchObject({ reason: 'CONFIG_MISSING' });
  });

  it.each([
    ['a string', { chat_template: 'T' }, 'T'],
    [
      'the default of a list',
      {
        chat_template: [
          { name: 'tool', template: 'X' },
          { name: 'default', template: 'D' },
        ],
      },
      'D',
    ],
    ['nothing', {}, null],
  ])('finds the chat template in %s', async (_case, config, expected) => {
    await put('model.safetensors', weights('a', [1]));
    await put('tokenizer_config.json', config);
    const checkpoint = await openCheckpoint(directory);
    expect((await checkpoint.tokenizerFiles()).chatTemplate).toBe(expected);
    await checkpoint.close();
  });

  it('prefers chat_template.jinja', async () => {
    await put('model.safetensors', weights('a', [1]));
    await put('tokenizer_config.json', { chat_template: 'T' });
    await put('chat_template.jinja', 'J');
    const checkpoint = await openCheckpoint(directory);
    expect((await checkpoint.tokenizerFiles()).chatTemplate).toBe('J');
    await checkpoint.close();
  });

  it('says when only an older form of the tokenizer is there', async () => {
    await put('model.safetensors', weights('a', [1]));
    await rm(join(directory, 'tokenizer.json'));
    const checkpoint = await openCheckpoint(directory);
    await expect(checkpoint.tokenizerFiles()).rejects.toMatchObject({ reason: 'TOKENIZER_MISSING' });
    await put('tokenizer.model', 'x');
    await expect(checkpoint.tokenizerFiles()).rejects.toMatchObject({
      reason: 'UNSUPPORTED_TOKENIZER',
      message: expect.stringContaining('tokenizer.model'),
    });
    await checkpoint.close();
  });

  it('is told from files of another kind and from nothing', async () => {
    await expect(openCheckpoint(join(directory, 'tokenizer.json'))).rejects.toMatchObject({
      reason: 'UNSUPPORTED_CHECKPOINT',
    });
    await expect(openCheckpoint(join(directory, 'none'))).rejects.toMatchObject({ reason: 'CHECKPOINT_NOT_FOUND' });
  });
});
