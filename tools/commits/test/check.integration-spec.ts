import { describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const SCRIPT = resolve(import.meta.dirname, '../check.mjs');

function verdict(message: string): { code: number | null; faults: string } {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-commits-'));
  const path = join(folder, 'message');
  writeFileSync(path, message);
  const { status, stderr } = spawnSync(process.execPath, [SCRIPT, '--message', path], { encoding: 'utf8' });
  rmSync(folder, { recursive: true });
  return { code: status, faults: stderr };
}

describe('the check of commit messages', () => {
  it.each([
    'feat(router): answer sooner',
    'test(embedded,soak): hold answers to what each says alone',
    'docs: say what it is for',
    'fix(engine)!: refuse what was guessed before\n\nWhy, at length.\n',
    "Merge branch 'main' into topic",
  ])('takes %j', (message) => {
    expect(verdict(message)).toEqual({ code: 0, faults: '' });
  });

  it.each([
    ['Fixed stuff', 'must read type(scope)'],
    ['feature(router): more', 'feature is no type'],
    ['fix(routre): less', '"routre" is no project'],
    ['fix(router): less.', 'full stop'],
    [`fix(router): ${'long '.repeat(30)}`, 'at most 100'],
    ['fix(router): less\nat once', 'second line'],
  ])('refuses %j and says why', (message, why) => {
    const { code, faults } = verdict(message);
    expect(code).toBe(1);
    expect(faults).toContain(why);
  });
});
