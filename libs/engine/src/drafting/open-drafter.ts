import type { SpeculationKind } from '@longhaul/inference';
import type { Drafter } from './drafter.js';
import { LookupDrafter } from './lookup/lookup-drafter.js';

/** The drafters of this package by their kind. */
export function openDrafter(kind: SpeculationKind, longestText: number): Drafter {
  switch (kind) {
    case 'lookup':
      return new LookupDrafter(longestText);
  }
}
