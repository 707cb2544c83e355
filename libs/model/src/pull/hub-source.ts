import { createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import { makeDirectory } from '@longhaul/files';
import { downloadFile, listFiles, modelInfo, type ListFileEntry } from '@huggingface/hub';
import { AppError } from '@longhaul/kernel';
import { assertRoom } from '../checkpoint/disk-room.js';
import { fileDigest } from './file-digest.js';
import { cacheKey } from './cache-key.js';
import { hubFailure, hubFetch } from './hub-failure.js';
import type { ModelCache } from './model-cache.js';
import { pickFiles } from './pick-files.js';
import { checksumMismatch, pullError, type PullOptions } from './pull-types.js';

const PUBLIC_HUB = 'https://huggingface.co';
/** A repository with more files than this is no model that is served here. */
const MAX_FILES = 10_000;

export interface HubRepo {
  /** `owner/name`. */
  readonly repo: string;
  /** Branch, tag or commit. */
  readonly revision: string;
  /** GGUF file to take; null picks what there is. */
  readonly file: string | null;
}

/** How the hub is reached; every request carries the caller's signal. */
interface Access {
  readonly hubUrl: string;
  readonly accessToken?: string;
  readonly fetch: typeof fetch;
}

/** Where the cache keeps what a repository brought; mirrors of a hub share it. */
export function repoKey(repo: HubRepo): string {
  const [owner, name] = repo.repo.split('/') as [string, string];
  return cacheKey(['hf', owner, name, repo.revision, ...(repo.file === null ? [] : [repo.file])]);
}

/**
 * Fetches a checkpoint from a model hub. `HF_ENDPOINT` names another hub, `HF_TOKEN` opens private repositories.
 *
 * Files are fetched from one commit, resumed where an earlier pull stopped, and compared with the digest that the hub
 * lists: SHA-256 of large files, git's object id of small ones.
 *
 * @returns the path of the checkpoint in the cache; a cached one needs no network.
 */
export function pullFromHub(repo: HubRepo, cache: ModelCache, options: PullOptions): Promise<string> {
  return cache.findOrFetch(repoKey(repo), true, async () => {
    try {
      return await fetchRepo(repo, { key: repoKey(repo), cache, options });
    } catch (cause) {
      if (AppError.isInstance(cause) || options.signal?.aborted) throw cause;
      throw hubFailure(cause, { repo: repo.repo, revision: repo.revision, endpoint: hubEndpoint() });
    }
  });
}

async function fetchRepo(
  repo: HubRepo,
  context: { key: string; cache: ModelCache; options: PullOptions },
): Promise<string> {
  const { key, cache, options } = context;
  const access = hubAccess(options.signal);
  const info = await modelInfo({ name: repo.repo, revision: repo.revision, additionalFields: ['sha'], ...access });
  const files = await listRepo(repo.repo, info.sha, access);
  const picked = pickFiles([...files.keys()], repo.file, `hf:${repo.repo}`);
  const staging = cache.staging(key);
  await dropOtherCommits(staging, info.sha);
  const commitDir = join(staging, info.sha);
  await makeDirectory(commitDir);
  const sizes = picked.paths.map((path) => files.get(path)?.size ?? 0);
  const wanted = sizes.reduce((sum, size) => sum + size, 0);
  await assertRoom(options.cacheDir, wanted - (await bytesIn(commitDir)), `The model hf:${repo.repo}`);
  const report = totalProgress(wanted, options);
  for (const path of picked.paths) {
    const entry = files.get(path) as ListFileEntry;
    await fetchFile(entry, {
      repo: repo.repo,
      revision: info.sha,
      target: join(commitDir, basename(path)),
      access,
      report,
    });
  }
  for (const name of await readdir(commitDir)) await rename(join(commitDir, name), join(staging, name));
  await rm(commitDir, { recursive: true });
  const names = picked.paths.map((path) => basename(path));
  return cache.commit(key, { source: `hf:${repo.repo}@${info.sha}`, entry: picked.entry, names });
}

function hubEndpoint(): string {
  const endpoint = process.env['HF_ENDPOINT'];
  if (endpoint === undefined || endpoint === '') return PUBLIC_HUB;
  if (!/^https?:$/.test(URL.parse(endpoint)?.protocol ?? '')) {
    throw pullError('INVALID_ARGUMENT', 'HUB_INVALID', 'HF_ENDPOINT must be the http or https address of a model hub.');
  }
  return endpoint.replace(/\/+$/, '');
}

function hubAccess(signal: AbortSignal | undefined): Access {
  const token = process.env['HF_TOKEN']?.trim();
  const isUsable = token !== undefined && /^[\x21-\x7e]+$/.test(token);
  if (token !== undefined && token !== '' && !isUsable) {
    throw pullError('INVALID_ARGUMENT', 'HUB_INVALID', 'HF_TOKEN holds characters that no token has.');
  }
  return {
    hubUrl: hubEndpoint(),
    ...(token ? { accessToken: token } : {}),
    fetch: (input, init) => hubFetch(input, { ...init, ...(signal ? { signal } : {}) }),
  };
}

async function listRepo(name: string, revision: string, access: Access): Promise<Map<string, ListFileEntry>> {
  const files = new Map<string, ListFileEntry>();
  for await (const entry of listFiles({ repo: name, revision, recursive: true, ...access })) {
    if (entry.type !== 'file') continue;
    files.set(entry.path, entry);
    if (files.size > MAX_FILES) {
      throw pullError('RESOURCE_EXHAUSTED', 'CHECKPOINT_LIMIT', `${name} has more than ${MAX_FILES} files.`);
    }
  }
  return files;
}

/** Parts of another commit cannot be continued. */
async function dropOtherCommits(staging: string, commit: string): Promise<void> {
  for (const name of await readdir(staging)) {
    if (name !== commit) await rm(join(staging, name), { recursive: true });
  }
}

interface FileContext {
  repo: string;
  revision: string;
  target: string;
  access: Access;
  report: (addedBytes: number) => void;
}

async function fetchFile(entry: ListFileEntry, context: FileContext): Promise<void> {
  const { target, report } = context;
  const whole = await sizeOf(target);
  if (whole === entry.size) return report(entry.size);
  const part = `${target}.part`;
  const have = await sizeOf(part);
  // More than the whole file cannot be continued; neither can nothing.
  const resumeAt = have !== null && have <= entry.size ? have : 0;
  if (resumeAt === 0) await rm(part, { force: true });
  report(resumeAt);
  await appendRest(entry, { ...context, part, resumeAt });
  await verify(entry, part);
  await rename(part, target);
}

async function appendRest(
  entry: ListFileEntry,
  context: FileContext & { part: string; resumeAt: number },
): Promise<void> {
  const { repo, revision, access, part, resumeAt, report } = context;
  if (resumeAt === entry.size && resumeAt > 0) return;
  const blob = await downloadFile({ repo, path: entry.path, revision, xet: false, ...access });
  if (!blob) throw pullError('NOT_FOUND', 'CHECKPOINT_NOT_FOUND', `${repo} has no file ${entry.path}.`);
  const rest = blob.slice(resumeAt).stream() as unknown as NodeReadableStream<Uint8Array>;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let have = resumeAt;
    for await (const chunk of chunks) {
      have += chunk.length;
      if (have > entry.size) throw tooLong(entry);
      report(chunk.length);
      yield chunk;
    }
  };
  await pipeline(Readable.fromWeb(rest), counted, createWriteStream(part, { flags: 'a' }));
}

/** An answer without an end would fill the disk. */
function tooLong(entry: ListFileEntry): AppError {
  return pullError(
    'DATA_LOSS',
    'PULL_FAILED',
    `${entry.path} did not end at the ${entry.size} bytes that the hub lists; nothing of it was kept.`,
  );
}

async function verify(entry: ListFileEntry, part: string): Promise<void> {
  const size = await sizeOf(part);
  if (size !== null && size < entry.size) {
    throw pullError(
      'UNAVAILABLE',
      'PULL_FAILED',
      `${entry.path} ended at ${size} of ${entry.size} bytes; pull again to go on.`,
    );
  }
  const expected = entry.lfs ? `sha256 ${entry.lfs.oid}` : `git ${entry.oid}`;
  const actual = entry.lfs
    ? `sha256 ${await fileDigest(part)}`
    : `git ${await fileDigest(part, { algorithm: 'sha1', prefix: `blob ${size}\0` })}`;
  if (actual === expected) return;
  await rm(part, { force: true });
  throw checksumMismatch(entry.path, expected, actual);
}

async function sizeOf(path: string): Promise<number | null> {
  return stat(path).then(
    (entry) => entry.size,
    () => null,
  );
}

/** What an earlier pull has left to go on from. */
async function bytesIn(directory: string): Promise<number> {
  const names = await readdir(directory);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(directory, name))));
  return sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
}

function totalProgress(totalBytes: number, options: PullOptions): (addedBytes: number) => void {
  let doneBytes = 0;
  return (addedBytes) => {
    doneBytes += addedBytes;
    options.onProgress?.({ stage: 'download', doneBytes, totalBytes });
  };
}
