import type { AttentionStates } from './attention/attention-states.js';
import type { EngineLimits } from './limits.js';
import type { BlockManager, Reservation } from './pages/block-manager.js';
import type { Scheduler } from './scheduler/scheduler.js';
import type { Sequence, SequenceState } from './sequence/sequence.js';

export interface SequenceSnapshot {
  requestId: string;
  choice: number;
  state: SequenceState;
  tokens: number;
  computed: number;
  places: number;
  pages: readonly number[];
  /** Pages set aside for the step in flight. */
  reserved: readonly number[];
  /** Attention states that it holds. */
  attention: number;
}

/** What the invariants look at: a snapshot, or the engine itself while it stands still. */
export interface EngineView {
  readonly limits: Pick<EngineLimits, 'maxSequences'>;
  readonly pages: {
    readonly references: ArrayLike<number>;
    readonly cached: ArrayLike<number>;
    readonly free: ArrayLike<number>;
    readonly idle: number;
  };
  readonly running: readonly SequenceSnapshot[];
  readonly loading: readonly SequenceSnapshot[];
  readonly waiting: readonly SequenceSnapshot[];
  readonly transfers: readonly (readonly number[])[];
  /** Attention states that are open. */
  readonly attention: number;
  /** Walked more than once. */
  readonly cache: Iterable<{ readonly page: number; readonly parentPage: number | null; readonly children: number }>;
}

/** Everything the invariants look at; plain data, detached from the engine. */
export interface EngineSnapshot {
  limits: EngineLimits;
  pages: { references: readonly number[]; cached: readonly number[]; free: readonly number[]; idle: number };
  running: readonly SequenceSnapshot[];
  loading: readonly SequenceSnapshot[];
  waiting: readonly SequenceSnapshot[];
  /** Pages that transfers hold, one entry per transfer. */
  transfers: readonly (readonly number[])[];
  attention: number;
  cache: readonly { page: number; parentPage: number | null; children: number }[];
}

export interface SnapshotParts {
  limits: EngineLimits;
  blocks: BlockManager;
  scheduler: Scheduler;
  reservations: ReadonlyMap<Sequence, Reservation>;
  states: AttentionStates;
}

export function takeSnapshot(parts: SnapshotParts): EngineSnapshot {
  const { blocks, states } = parts;
  return {
    limits: parts.limits,
    pages: { ...blocks.pool.snapshot(), idle: blocks.pool.counts().idle },
    ...describeSequences(parts),
    transfers: Array.from(blocks.holds(), ({ pages }) => [...pages]),
    attention: states.open,
    cache: [...describeCache(blocks)],
  };
}

/** The same without copies of what grows with the pool; valid until the next change. */
export function viewOf(parts: SnapshotParts): EngineView {
  const { blocks, states } = parts;
  return {
    limits: parts.limits,
    pages: { ...blocks.pool.view(), idle: blocks.pool.counts().idle },
    ...describeSequences(parts),
    transfers: Array.from(blocks.holds(), ({ pages }) => pages),
    attention: states.open,
    cache: { [Symbol.iterator]: () => describeCache(blocks) },
  };
}

function* describeCache(blocks: BlockManager): Generator<EngineSnapshot['cache'][number], void> {
  for (const { page, parent, children } of blocks.cache.nodes()) {
    yield { page, parentPage: parent === null || !parent.live ? null : parent.page, children };
  }
}

function describeSequences({
  scheduler,
  reservations,
}: SnapshotParts): Pick<EngineSnapshot, 'running' | 'loading' | 'waiting'> {
  const describe = (sequence: Sequence): SequenceSnapshot => {
    const reservation = reservations.get(sequence);
    const replaced = reservation?.replaced ? [reservation.replaced.page] : [];
    return {
      requestId: sequence.owner.request.requestId,
      choice: sequence.choice,
      state: sequence.state,
      tokens: sequence.tokens.length,
      computed: sequence.computed,
      places: sequence.places,
      pages: [...sequence.pages.view()],
      reserved: [...replaced, ...(reservation?.appended ?? [])],
      attention: sequence.attention.held,
    };
  };
  return {
    running: scheduler.running.map(describe),
    loading: [...scheduler.loading.keys()].map(describe),
    waiting: scheduler.waiting.all().map(describe),
  };
}
