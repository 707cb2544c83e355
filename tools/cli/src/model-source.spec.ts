import { describe, expect, it } from '@jest/globals';
import { checkpointSource, knownNames } from './model-source.js';

describe('the name of a model', () => {
  it.each([
    ['smollm2-135m-instruct', 'smollm2-135m-instruct'],
    ['HuggingFaceTB/SmolLM2-135M-Instruct', 'hf:HuggingFaceTB/SmolLM2-135M-Instruct'],
    ['owner/repo@main', 'hf:owner/repo@main'],
    ['owner/repo#model.gguf', 'hf:owner/repo#model.gguf'],
    ['hf:owner/repo', 'hf:owner/repo'],
    ['pypi:package==1.0', 'pypi:package==1.0'],
    // What looks like a path is one, and so is what is there.
    ['./owner/repo', './owner/repo'],
    ['models/file.gguf', 'models/file.gguf'],
    ['/a/b', '/a/b'],
    ['tools/cli', 'tools/cli'],
  ])('%s is taken as %s', (name, source) => expect(checkpointSource(name)).toBe(source));

  it('that is shipped is found in any case, and is listed with the known ones', () => {
    expect(checkpointSource('Needle-3M')).toBe(checkpointSource('needle-3m'));
    expect(knownNames()).toEqual(['smollm2-135m-instruct', 'needle-3m']);
  });

  it('that is nearly a known one says which', () => {
    expect(() => checkpointSource('smollm2-135m-instrct')).toThrow('Did you mean smollm2-135m-instruct?');
  });
});
