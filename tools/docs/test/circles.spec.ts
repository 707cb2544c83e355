import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import ts from 'typescript';
import { filesBelow, ROOT } from './repository-files.js';

/** What each file imports of its own package, types included: a circle of types is one to whoever reads them, too. */
function importsOf(files: readonly string[]): Map<string, string[]> {
  const known = new Set(files);
  return new Map(
    files.map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(ROOT, file), 'utf8'));
      const paths = importedFiles.map(({ fileName }) => join(dirname(file), fileName.replace(/\.js$/, '.ts')));
      return [file, paths.filter((path) => known.has(path))];
    }),
  );
}

/** The circles that a walk along the imports runs into, each as the files on it. */
function circlesOf(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push([...path.slice(at), file].join(' -> '));
    if (at >= 0 || done.has(file)) return;
    path.push(file);
    for (const next of imports.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of imports.keys()) visit(file);
  return circles;
}

describe('the files of the repository', () => {
  const files = ['libs', 'services', 'tools'].flatMap((folder) => filesBelow(folder, '.ts'));

  it('import each other in no circle', () => {
    expect(circlesOf(importsOf(files))).toEqual([]);
  });

  it('would be found in one', () => {
    const circle = { a: ['b'], b: ['c'], c: ['b'] };
    expect(circlesOf(new Map(Object.entries(circle)))).toEqual(['b -> c -> b']);
  });
});
