// `npm run check:commits`: looks at the commits that are not on origin/main yet, or at the last 50 where that is unknown.
//   --range A..B      these instead
//   --message FILE    one message, as the commit-msg hook hands it over
//   --install-hook    makes git run the check for every commit in this clone
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { faultsOf, knownScopes } from './rules.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const LAST = 50;
const HOOK_MARK = '# longhaul commit-msg hook';

function git(...args) {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

function attempt(action) {
  try {
    return action();
  } catch {
    return null;
  }
}

/** Arguments of `git log` for the commits to look at. */
function selection(range) {
  if (range !== undefined) return [range];
  const merged = attempt(() => git('rev-parse', '--verify', 'origin/main').trim());
  const ahead = merged === null ? 0 : Number(git('rev-list', '--count', `${merged}..HEAD`));
  return ahead > 0 ? [`${merged}..HEAD`] : ['-n', String(LAST)];
}

function commits(range) {
  const records = git('log', '--no-merges', '--format=%h%x00%B%x1e', ...selection(range)).split('\x1e');
  return records.flatMap((record) => {
    const [id, message] = record.trim().split('\0');
    return id && message ? [{ id, message }] : [];
  });
}

function checkRange(range) {
  if (attempt(() => git('rev-parse', '--git-dir')) === null) {
    process.stdout.write('Not a git checkout: no commits to check.\n');
    return 0;
  }
  const scopes = knownScopes(ROOT);
  const checked = commits(range);
  const wrong = checked.map(({ id, message }) => ({ id, message, faults: faultsOf(message, scopes) }));
  const bad = wrong.filter(({ faults }) => faults.length > 0);
  for (const { id, message, faults } of bad) {
    process.stderr.write(`${id} ${message.split('\n', 1)[0]}\n${faults.map((fault) => `  ${fault}\n`).join('')}`);
  }
  process.stdout.write(`${checked.length} commit messages, ${bad.length} with faults\n`);
  return bad.length === 0 ? 0 : 1;
}

function checkMessage(path) {
  const faults = faultsOf(readFileSync(path, 'utf8'), knownScopes(ROOT));
  for (const fault of faults) process.stderr.write(`commit message: ${fault}\n`);
  return faults.length === 0 ? 0 : 1;
}

function installHook() {
  const hook = resolve(ROOT, git('rev-parse', '--git-path', 'hooks/commit-msg').trim());
  if (existsSync(hook) && !readFileSync(hook, 'utf8').includes(HOOK_MARK)) {
    process.stderr.write(`${relative(ROOT, hook)} exists and is not ours; left as it is.\n`);
    return 1;
  }
  const script = relative(ROOT, join(import.meta.dirname, 'check.mjs'));
  const lines = ['#!/bin/sh', HOOK_MARK, `exec node "$(git rev-parse --show-toplevel)/${script}" --message "$1"`, ''];
  mkdirSync(dirname(hook), { recursive: true });
  writeFileSync(hook, lines.join('\n'));
  chmodSync(hook, 0o755);
  process.stdout.write('Commit messages of this clone are checked from now on.\n');
  return 0;
}

const [word, value] = process.argv.slice(2);
if (word === '--message' && value !== undefined) process.exitCode = checkMessage(value);
else if (word === '--install-hook') process.exitCode = installHook();
else if (word === undefined || (word === '--range' && value !== undefined)) process.exitCode = checkRange(value);
else {
  process.stderr.write('usage: check.mjs [--range A..B | --message FILE | --install-hook]\n');
  process.exitCode = 2;
}
