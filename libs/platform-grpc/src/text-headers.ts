import type { Metadata } from '@grpc/grpc-js';

/** Metadata with text values; of several values the first. */
export function textHeaders(metadata: Metadata): Record<string, string> {
  const entries = Object.entries(metadata.getMap());
  return Object.fromEntries(entries.flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])));
}
