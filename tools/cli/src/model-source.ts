import { existsSync } from 'node:fs';
import { invalidArgument } from '@longhaul/kernel';
import { KNOWN_MODELS, prepareModel, type ModelPackage, type WeightScheme } from '@longhaul/model';
import { nearest } from '@longhaul/platform-config';
import { NEEDLE_3M } from '@longhaul/testing';
import { longhaulHome } from '@longhaul/embedded';
import { megabytes, progressBar } from './progress-bar.js';

export const DEFAULT_MODEL = 'smollm2-135m-instruct';

/** Checkpoints that come with this repository. */
const SHIPPED: Readonly<Record<string, string>> = { 'needle-3m': NEEDLE_3M };

const SCHEMES: readonly WeightScheme[] = ['f32', 'int8', 'int4'];

export function weightScheme(text: string | undefined): WeightScheme {
  const scheme = SCHEMES.find((known) => known === (text ?? 'int8'));
  if (!scheme) throw invalidArgument('--weights', `--weights must be one of ${SCHEMES.join(', ')}.`);
  return scheme;
}

/** `<owner>/<repo>[@revision][#file.gguf]`, as the hub's pages show it. */
const BARE_REPO = /^\w[\w.-]*\/\w[\w.-]*(?:@\w[\w./-]*?)?(?:#\w[\w.-]*\.gguf)?$/;

/** Names that need no source, the default first. */
export function knownNames(): string[] {
  return [...new Set([DEFAULT_MODEL, ...Object.keys(KNOWN_MODELS), ...Object.keys(SHIPPED)])];
}

/**
 * What to pull or import for a name: what comes with this repository, what lies at that path, else a repository of the
 * hub where it looks like one.
 *
 * @throws AppError `INVALID_ARGUMENT` for what is none of these but nearly a known name.
 */
export function checkpointSource(name: string): string {
  const known = name.toLowerCase();
  if (Object.hasOwn(SHIPPED, known)) return SHIPPED[known] ?? name;
  if (Object.hasOwn(KNOWN_MODELS, known) || existsSync(name)) return name;
  if (BARE_REPO.test(name) && !/^[^#]*\.gguf$/i.test(name)) return `hf:${name}`;
  const meant = nearest(known, knownNames());
  if (meant === undefined) return name;
  throw invalidArgument('--model', `There is no model ${name}. Did you mean ${meant}?`);
}

/** Pulls and imports with progress bars; a second call takes milliseconds. */
export async function prepareWithProgress(
  name: string,
  weights: WeightScheme,
  signal?: AbortSignal,
): Promise<ModelPackage> {
  const bars = { download: 'Downloading', unpack: 'Unpacking', verify: 'Verifying' } as const;
  const shown = new Map<string, ReturnType<typeof progressBar>>();
  const bar = (title: string) => {
    const existing = shown.get(title);
    if (existing) return existing;
    for (const other of shown.values()) other.finish();
    const made = progressBar(`${title} ${name}`, megabytes);
    shown.set(title, made);
    return made;
  };
  try {
    return await prepareModel(checkpointSource(name), {
      home: longhaulHome(),
      weights,
      ...(signal ? { signal } : {}),
      onPull: ({ stage, doneBytes, totalBytes }) => bar(bars[stage]).update(doneBytes, totalBytes),
      onImport: ({ doneBytes, totalBytes }) => bar(`Importing (${weights})`).update(doneBytes, totalBytes),
    });
  } finally {
    for (const one of shown.values()) one.finish();
  }
}
