import { kvstoreV1 } from '@longhaul/contracts';
import { invalidArgument } from '@longhaul/kernel';
import { QualityClass, type BlockOutcome, type Tier } from '@longhaul/kv-core';

const TIER: Readonly<Record<Tier, kvstoreV1.Tier>> = {
  ram: kvstoreV1.Tier.TIER_RAM,
  disk: kvstoreV1.Tier.TIER_DISK,
  object: kvstoreV1.Tier.TIER_OBJECT,
};

const OUTCOME: Readonly<Record<BlockOutcome, kvstoreV1.BlockEnd_Outcome>> = {
  ok: kvstoreV1.BlockEnd_Outcome.OUTCOME_OK,
  not_found: kvstoreV1.BlockEnd_Outcome.OUTCOME_NOT_FOUND,
  corrupt: kvstoreV1.BlockEnd_Outcome.OUTCOME_CORRUPT,
  lease_expired: kvstoreV1.BlockEnd_Outcome.OUTCOME_LEASE_EXPIRED,
  cancelled: kvstoreV1.BlockEnd_Outcome.OUTCOME_CANCELLED,
};

export function toTier(tier: Tier): kvstoreV1.Tier {
  return TIER[tier];
}

export function fromTier(tier: kvstoreV1.Tier): Tier {
  return inverse(TIER, tier, 'tier');
}

export function toOutcome(outcome: BlockOutcome): kvstoreV1.BlockEnd_Outcome {
  return OUTCOME[outcome];
}

export function fromOutcome(outcome: kvstoreV1.BlockEnd_Outcome): BlockOutcome {
  return inverse(OUTCOME, outcome, 'outcome');
}

/** The numbers of the wire are those of the block format. */
export function fromQuality(quality: kvstoreV1.Quality): QualityClass {
  const known = Object.values(QualityClass).find((value) => value === (quality as number));
  if (known === undefined) throw invalidArgument('quality', 'quality must be one of the named classes.');
  return known;
}

export function toQuality(quality: QualityClass): kvstoreV1.Quality {
  return quality as number as kvstoreV1.Quality;
}

function inverse<K extends string, V>(table: Readonly<Record<K, V>>, value: V, field: string): K {
  const found = (Object.keys(table) as K[]).find((key) => table[key] === value);
  if (found === undefined) throw invalidArgument(field, `${field} must be one of the named values.`);
  return found;
}
