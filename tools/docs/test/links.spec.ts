import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { filesBelow, ROOT } from './repository-files.js';

const LINK = /\]\(([^)\s]+)\)/g;

/** Targets inside the repository, without their anchors. */
function localLinks(text: string): string[] {
  return [...text.matchAll(LINK)]
    .map(([, target = '']) => target.split('#', 1)[0] ?? '')
    .filter((target) => target !== '' && !/^[a-z]+:/.test(target));
}

describe('links between documents', () => {
  it.each(filesBelow('.', '.md'))('%s links to files that are there', (path) => {
    const links = localLinks(readFileSync(join(ROOT, path), 'utf8'));
    expect(links.filter((link) => !existsSync(join(ROOT, dirname(path), link)))).toEqual([]);
  });
});
