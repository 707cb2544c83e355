import type { PutRequest, PutSession } from '@longhaul/kv-core';
import { type SessionParts, WritingSession } from './put-session.js';
import { type PutParts, Puts } from './puts.js';
import { WriteThrough, type WriteThroughParts } from './write-through.js';

/** How blocks come in, and down to the tiers below memory. */
export interface Writing {
  /** @throws AppError as `BlockStore.beginPut`. */
  begin(request: PutRequest): PutSession;
  /** A block was hit: takes it down to the tiers that want it now. */
  hit(slot: number): void;
  /** Takes back the space of writers that have had their time. Call now and then. */
  sweep(): void;
  /** Ends every writer. */
  endWriters(): void;
  /** Takes nothing down any more; resolves when what is on its way has been written or given up. */
  drain(): Promise<void>;
}

export type WritingParts = Omit<PutParts, 'open'> & Omit<SessionParts, 'ram' | 'sendDown'> & WriteThroughParts;

export function createWriting(parts: WritingParts): Writing {
  const writeThrough = new WriteThrough(parts);
  const { ram } = parts.tiers;
  const session: SessionParts = { ...parts, ram, sendDown: (slot) => writeThrough.offer(slot, false) };
  const puts = new Puts({ ...parts, open: (request, place) => new WritingSession(session, request, place) });
  return {
    begin: (request) => puts.begin(request),
    hit: (slot) => void writeThrough.offer(slot, true),
    sweep: () => puts.sweep(),
    endWriters: () => puts.close(),
    drain: () => writeThrough.drain(),
  };
}
