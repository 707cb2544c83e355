import { AppError } from '@longhaul/kernel';

export interface PoolDemand {
  /** Most that a request can need. */
  contextTokens: number;
  pageTokens: number;
  pageBytes: number;
  askedTokens?: number | undefined;
  askedBytes?: number | undefined;
  /** Memory that is free now. */
  freeBytes: number;
}

const DEFAULT_CONTEXTS = 4;
const DEFAULT_SHARE = 0.25;

/**
 * Pages of the KV pool: as asked for, else four contexts within a quarter of the free memory, but one context at least.
 *
 * @throws AppError `CONFIG_INVALID` when both sizes are given or the size is under one page, `OUT_OF_MEMORY` when it
 * cannot fit.
 */
export function poolPages(demand: PoolDemand): number {
  const { contextTokens, pageTokens, pageBytes, askedTokens, askedBytes, freeBytes } = demand;
  if (askedTokens !== undefined && askedBytes !== undefined) {
    throw configInvalid('--kv-cache-tokens and --kv-cache-bytes exclude each other; give one of them.');
  }
  const contextPages = Math.ceil(contextTokens / pageTokens);
  const pages = askedPages() ?? Math.max(contextPages, Math.min(DEFAULT_CONTEXTS * contextPages, shareOf(freeBytes)));
  if (pages < 1) throw configInvalid(`--kv-cache-bytes must hold at least one page of ${pageBytes} bytes.`);
  if (pages * pageBytes > freeBytes) throw outOfMemory(pages * pageBytes, freeBytes);
  return pages;

  function askedPages(): number | undefined {
    if (askedTokens !== undefined) return Math.ceil(askedTokens / pageTokens);
    return askedBytes === undefined ? undefined : Math.floor(askedBytes / pageBytes);
  }

  function shareOf(bytes: number): number {
    return Math.floor((bytes * DEFAULT_SHARE) / pageBytes);
  }
}

function configInvalid(message: string): AppError {
  return new AppError({ code: 'INVALID_ARGUMENT', reason: 'CONFIG_INVALID', message });
}

function outOfMemory(neededBytes: number, freeBytes: number): AppError {
  return new AppError({
    code: 'RESOURCE_EXHAUSTED',
    reason: 'OUT_OF_MEMORY',
    message: `The KV pool needs ${neededBytes} bytes, but ${freeBytes} are free; lower --kv-cache-tokens or --max-model-len.`,
    details: { neededBytes, freeBytes },
  });
}
