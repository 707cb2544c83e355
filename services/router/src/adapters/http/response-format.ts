import { randomUUID } from 'node:crypto';
import type { GenerationUsage } from '@longhaul/inference';
import type { StartedGeneration } from '../../core/generation.js';
import { usageBody, type Collected } from './collected.js';
import type { SourcedEvent } from './merge-events.js';

/** How one API shapes what a generation produced. */
export interface ResponseFormat {
  /** The whole answer; one entry of `collected` per prompt. */
  whole(collected: readonly Collected[]): unknown;
  /** The chunks that one event makes: none, one, or two. */
  chunks(sourced: SourcedEvent): unknown[];
  usageChunk(usage: GenerationUsage): unknown;
}

export interface FormatOptions {
  started: readonly StartedGeneration[];
  logprobs: boolean;
  includeUsage: boolean;
}

export type Head = Readonly<Record<'id' | 'object' | 'model' | 'system_fingerprint', string> & { created: number }>;

/** The fields that all answers and chunks begin with. */
export function responseHead(prefix: string, object: string, started: readonly StartedGeneration[]): Head {
  const info = started[0]?.served.info;
  return {
    id: `${prefix}-${randomUUID()}`,
    object,
    created: Math.floor(Date.now() / 1000),
    model: info?.id ?? '',
    system_fingerprint: info?.fingerprint.slice(0, 16) ?? '',
  };
}

/** With `include_usage` every chunk has the field, and all but the last have it empty. */
export function chunkOf(head: Head, choices: readonly unknown[], includeUsage: boolean): unknown {
  return { ...head, choices, ...(includeUsage ? { usage: null } : {}) };
}

export function usageChunkOf(head: Head, usage: GenerationUsage): unknown {
  return { ...head, choices: [], usage: usageBody(usage) };
}
