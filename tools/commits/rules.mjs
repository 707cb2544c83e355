// What a commit message has to look like. Plain JavaScript without dependencies: a hook runs it before anything is built.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const TYPES = ['feat', 'fix', 'perf', 'refactor', 'test', 'docs', 'build', 'ci', 'style', 'chore', 'revert'];
const MAX_SUBJECT = 100;
const SUBJECT = /^(?<type>[a-z]+)(?:\((?<scopes>[^()]*)\))?!?: (?<text>.+)$/;
/** Folders whose entries are projects, and scopes that are no project. */
const PROJECT_FOLDERS = ['libs', 'services', 'tools'];
const OTHER_SCOPES = ['workspace', 'docs', 'proto', 'charts', 'deploy', 'ci'];

/** Names that may stand between the brackets. */
export function knownScopes(root) {
  const folders = PROJECT_FOLDERS.map((name) => join(root, name)).filter((path) => existsSync(path));
  return new Set([...OTHER_SCOPES, ...folders.flatMap((path) => readdirSync(path))]);
}

/** What is wrong with a message, one sentence each; empty for a good one. Merges are not looked at. */
export function faultsOf(message, scopes) {
  const [subject = '', second = ''] = message.split(/\r?\n/).filter((line) => !line.startsWith('#'));
  if (/^(Merge|fixup!|squash!) ?/.test(subject)) return [];
  const parts = SUBJECT.exec(subject)?.groups;
  if (!parts) return ['the first line must read type(scope): what it does'];
  const faults = [];
  if (!TYPES.includes(parts.type)) faults.push(`${parts.type} is no type; use one of ${TYPES.join(', ')}`);
  for (const scope of parts.scopes?.split(',') ?? []) {
    if (!scopes.has(scope))
      faults.push(`${JSON.stringify(scope)} is no project; name a folder of libs, services or tools`);
  }
  if (parts.text.endsWith('.')) faults.push('the first line must not end with a full stop');
  if (subject.length > MAX_SUBJECT)
    faults.push(`the first line has ${subject.length} characters; at most ${MAX_SUBJECT}`);
  if (second !== '') faults.push('the second line must be empty');
  return faults;
}
