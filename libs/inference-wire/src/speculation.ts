import { inferenceV1 } from '@longhaul/contracts';
import { draftTokenBounds, speculationKinds, type Speculation, type SpeculationKind } from '@longhaul/inference';
import { invalidArgument } from '@longhaul/kernel';

const NUMBERS: Readonly<Record<SpeculationKind, inferenceV1.SpeculationKind>> = {
  lookup: inferenceV1.SpeculationKind.SPECULATION_KIND_LOOKUP,
};

/** What a request asks of drafting, as a message of either API; null is unset. */
export function toSpeculation(speculation: Speculation | null): inferenceV1.Speculation | undefined {
  if (speculation === null) return undefined;
  return { kind: NUMBERS[speculation.kind], maxDraftTokens: speculation.maxDraftTokens };
}

/** The inverse. @throws AppError `INVALID_ARGUMENT` naming the kinds that there are. */
export function fromSpeculation(message: inferenceV1.Speculation | undefined): Speculation | null {
  if (message === undefined) return null;
  const kind = speculationKinds.find((name) => NUMBERS[name] === message.kind);
  if (kind !== undefined) return { kind, maxDraftTokens: message.maxDraftTokens ?? draftTokenBounds.unsaid };
  const field = 'speculation.kind';
  throw invalidArgument(field, `${field} is no kind that there is; it must be ${speculationKinds.join(' or ')}.`);
}
