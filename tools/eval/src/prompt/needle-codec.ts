import { join } from 'node:path';
import { mustReadBytes } from '@longhaul/files';
import { NEEDLE_3M } from '@longhaul/testing';
import { PromptCodec, type PromptForm } from './prompt-codec.js';

const MAX_BYTES = 2 ** 20;

/** The codec of the fixture model: a real tokenizer and template that need no import. */
export function needleCodec(form?: PromptForm): PromptCodec {
  const read = (name: string): Buffer =>
    mustReadBytes({ path: join(NEEDLE_3M, name), maxBytes: MAX_BYTES, option: 'the fixture needle-3m' });
  const files = {
    tokenizerJson: read('tokenizer.json'),
    tokenizerConfigJson: read('tokenizer_config.json'),
    chatTemplate: null,
  };
  return new PromptCodec(files, form);
}
