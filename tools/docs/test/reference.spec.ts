import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { METRICS } from '@longhaul/platform-otel';
import { pages } from '../pages.mjs';
import { filesBelow, ROOT } from './repository-files.js';

describe('the generated pages', () => {
  it.each(Object.entries(pages()))('docs/%s is what the code says; else run `npm run docs`', (name, text) => {
    expect(readFileSync(join(ROOT, 'docs', name), 'utf8')).toBe(text);
  });
});

describe('the catalogue of metrics', () => {
  const sources = ['libs', 'services']
    .flatMap((folder) => filesBelow(folder, '.ts'))
    .filter((path) => path.includes('/src/') && !path.endsWith('.spec.ts'))
    .map((path) => readFileSync(join(ROOT, path), 'utf8'));

  it.each(Object.keys(METRICS))('%s is recorded somewhere', (key) => {
    expect(sources.some((text) => text.includes(`'${key}'`))).toBe(true);
  });

  it('has each name and each alias once', () => {
    const names = Object.values(METRICS).flatMap((metric) =>
      'alias' in metric ? [metric.name, metric.alias] : [metric.name],
    );
    expect(new Set(names).size).toBe(names.length);
  });
});
