import type { NumberedProof } from './proofs.mjs';

export interface NamedPolicy {
  readonly id: string;
  readonly compiled: { readonly drafts: boolean };
}

export const columns: readonly { readonly id: string; readonly head: string }[];
export function matrixSection(): readonly string[];
export function cell(policy: NamedPolicy, column: string, proofs: readonly NumberedProof[]): string;
