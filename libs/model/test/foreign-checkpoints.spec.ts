import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '@longhaul/kernel';
import { buildGguf } from '../src/fuzz/gguf-builder.js';
import { buildSafetensors } from '../src/fuzz/safetensors-builder.js';
import { importModel } from '../src/index.js';
import { buildZip } from './support/build-zip.js';
import { copyCheckpoint, editJson } from './support/tiny-checkpoint.js';

let work = '';
beforeEach(async () => {
  work = await mkdtemp(join(tmpdir(), 'foreign-'));
});
afterEach(() => rm(work, { recursive: true, force: true }));

/** What an import of a path says. */
async function said(source: string): Promise<string> {
  const error: unknown = await importModel({ source, out: join(work, 'out'), weights: 'int8' }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(AppError.isInstance(error)).toBe(true);
  expect((error as AppError).code).not.toBe('INTERNAL');
  return (error as AppError).message;
}

const LFS = `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 269060552\n`;
const PAGE = '<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>';

const FILES: readonly [string, string | Uint8Array, RegExp][] = [
  ['a git-LFS pointer', LFS, /git-LFS pointer.*git lfs pull/],
  ['a saved web page', PAGE, /page or message of a web server/],
  ['a saved error', '{"error":"Repository not found"}', /page or message of a web server|no tensor|config/],
  ['a zip archive', buildZip([{ name: 'config.json', data: Buffer.from('{}') }]), /zip archive.*unpack/],
  ['pickled weights', Buffer.from([0x80, 2, 0x7d, 0x71, 0]), /pickled PyTorch/],
  ['gzip', Buffer.from([0x1f, 0x8b, 8, 0]), /compressed; unpack/],
  ['zeros', new Uint8Array(4096), /zeros only.*did not finish/],
  ['nothing', '', /empty.*did not finish/],
];

describe.each(FILES)('%s', (_kind, content, message) => {
  it('is named in place of weights', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    await writeFile(join(source, 'model.safetensors'), content);
    expect(await said(source)).toMatch(/^model\.safetensors: /);
    if (content !== FILES[2]?.[1]) expect(await said(source)).toMatch(message);
  });

  it('is named in place of config.json', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    await writeFile(join(source, 'config.json'), content);
    if (content !== FILES[2]?.[1]) expect(await said(source)).toMatch(message);
    else expect(await said(source)).toMatch(/Architecture/);
  });

  it('is named in place of the chat template', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    await writeFile(join(source, 'chat_template.jinja'), content);
    expect(await said(source)).toMatch(/^chat_template\.jinja: /);
  });

  it('is named as a single file', async () => {
    const path = join(work, 'model.gguf');
    await writeFile(path, content);
    expect(await said(path)).toMatch(message);
  });
});

describe('a single file', () => {
  it.each<[string, Uint8Array, RegExp]>([
    ['an old file of llama.cpp', Buffer.from('tjgg\x03\0\0\0more'), /before GGUF/],
    ['an ONNX model', Buffer.from([8, 8, 0x12, 7, ...Buffer.from('pytorch')]), /ONNX model/],
    ['Keras weights', Buffer.from('\x89HDF\r\n\x1a\n', 'latin1'), /TensorFlow or Keras/],
    ['a file of a checkpoint', buildSafetensors([]), /name the directory that it is in/],
    ['text', Buffer.from('hello'), /neither a directory .* nor a GGUF file|one file of a checkpoint/],
  ])('that is %s is named', async (_kind, content, message) => {
    const path = join(work, 'x.safetensors');
    await writeFile(path, content);
    expect(await said(path)).toMatch(message);
  });

  it('that is one part of a GGUF says how to merge it', async () => {
    const path = join(work, 'm-00001-of-00003.gguf');
    await writeFile(path, buildGguf({ metadata: { 'split.count': { u32: 3 } }, tensors: [] }));
    expect(await said(path)).toMatch(/one of 3 parts; merge .* llama-gguf-split --merge/);
  });
});

describe('a directory', () => {
  it('that is empty says so', async () => {
    expect(await said(work)).toMatch(/is empty; download/);
  });

  it.each(['m', 'models--a--b/snapshots/0123'])('that holds one checkpoint names it (%s)', async (path) => {
    await copyCheckpoint(await mkdir(join(work, path), { recursive: true }).then(() => join(work, path)));
    expect(await said(work)).toContain(`holds a checkpoint in ${join(work, path)}`);
  });

  it('that holds several checkpoints lists them', async () => {
    for (const name of ['a', 'b']) await copyCheckpoint(join(work, name));
    expect(await said(work)).toContain(`several checkpoints; name one of them: ${join(work, 'a')}, ${join(work, 'b')}`);
  });

  it('of GGUF files names them', async () => {
    await writeFile(join(work, 'a.gguf'), 'GGUF');
    expect(await said(work)).toMatch(/holds GGUF files; name one of them: a\.gguf/);
  });

  it.each([
    ['pytorch_model.bin', /pickled PyTorch weights \(pytorch_model\.bin\)/],
    ['pytorch_model-00001-of-00002.bin', /pickled PyTorch/],
    ['model.onnx', /an ONNX model/],
    ['tf_model.h5', /TensorFlow/],
    ['model.safetensors.incomplete', /download that did not finish/],
  ])('with other weights says so, with config.json and without (%s)', async (name, message) => {
    await writeFile(join(work, name), 'x');
    expect(await said(work)).toMatch(message);
    await cp(join(await copyCheckpoint(join(work, 'm')), 'config.json'), join(work, 'config.json'));
    expect(await said(work)).toMatch(message);
  });

  it.each([true, false])('with an adapter names its base model (config.json: %s)', async (hasConfig) => {
    const source = await copyCheckpoint(join(work, 'm'));
    for (const name of ['model.safetensors', ...(hasConfig ? [] : ['config.json'])]) await rm(join(source, name));
    await writeFile(join(source, 'adapter_config.json'), '{"base_model_name_or_path": "a/b", "peft_type": "LORA"}');
    await writeFile(join(source, 'adapter_model.safetensors'), buildSafetensors([]));
    expect(await said(source)).toMatch(/adapter \(LoRA\) of "a\/b".*merge_and_unload/);
  });

  it.each([
    ['bert', /Architecture "bert" is not supported: it is an encoder/],
    ['xlm-roberta', /an encoder/],
    ['t5', /an encoder with a decoder/],
    ['mixtral', /Architecture "mixtral" is not supported; supported: llama/],
  ])('with a model of another kind says so before its tensors are looked at (%s)', async (type, message) => {
    const source = await copyCheckpoint(join(work, 'm'));
    await editJson(source, 'config.json', (config) => (config['model_type'] = type));
    const data = new Uint8Array(8);
    const ids = buildSafetensors([{ name: 'embeddings.position_ids', dtype: 'I64', shape: [1], data }]);
    await writeFile(join(source, 'model.safetensors'), ids);
    expect(await said(source)).toMatch(message);
  });

  it.each(['gptq', 'awq', 'bitsandbytes', 'fp8', 'compressed-tensors'])(
    'with quantised weights says what to take instead (%s)',
    async (method) => {
      const source = await copyCheckpoint(join(work, 'm'));
      await editJson(source, 'config.json', (config) => (config['quantization_config'] = { quant_method: method }));
      expect(await said(source)).toMatch(new RegExp(`quantisation "${method}".*not quantised, or a GGUF file`));
    },
  );

  it('with quantised weights that config.json does not tell of says so', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    const tensor = { name: 'model.layers.0.mlp.up_proj.qweight', dtype: 'I32', shape: [1], data: new Uint8Array(4) };
    await writeFile(join(source, 'model.safetensors'), buildSafetensors([tensor]));
    expect(await said(source)).toMatch(/dtype "I32", so the checkpoint is quantised/);
  });

  it('without tokenizer.json says which older form is there', async () => {
    const source = await copyCheckpoint(join(work, 'm'));
    await rm(join(source, 'tokenizer.json'));
    await writeFile(join(source, 'tokenizer.model'), 'x');
    expect(await said(source)).toMatch(/tokenizer\.model but no tokenizer\.json; .*fast tokenizer/);
  });

  it.each([0.2, 0.9])('with weights that were cut short says so (%d)', async (share) => {
    const source = await copyCheckpoint(join(work, 'm'));
    const path = join(source, 'model.safetensors');
    const bytes = await readFile(path);
    await writeFile(path, bytes.subarray(0, Math.floor(bytes.length * share)));
    expect(await said(source)).toMatch(/cut short, download it again/);
    await writeFile(path, bytes.subarray(0, 100));
    expect(await said(source)).toMatch(/cut short, download it again/);
  });

  it.each(['NaN', 'Infinity', '-Infinity'])('with a number that JSON does not have names it (%s)', async (number) => {
    const source = await copyCheckpoint(join(work, 'm'));
    const path = join(source, 'config.json');
    await writeFile(path, (await readFile(path, 'utf8')).replace('1e-06', number));
    expect(await said(source)).toBe(`config.json: its rms_norm_eps is ${number}, which is no JSON.`);
  });
});
