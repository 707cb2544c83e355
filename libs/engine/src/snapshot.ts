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
  slots: number;
  pages: readonly number[];
  /** Pages set aside for the step in flight. */
  reserved: readonly number[];
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
  cache: readonly { page: number; parentPage: number | null; children: number }[];
}

export function takeSnapshot(parts: {
  limits: EngineLimits;
  blocks: BlockManager;
  scheduler: Scheduler;
  reservations: ReadonlyMap<Sequence, Reservation>;
}): EngineSnapshot {
  const { blocks, scheduler, reservations } = parts;
  const describe = (sequence: Sequence): SequenceSnapshot => {
    const reservation = reservations.get(sequence);
    const replaced = reservation?.replaced ? [reservation.replaced.page] : [];
    return {
      requestId: sequence.owner.request.requestId,
      choice: sequence.choice,
      state: sequence.state,
      tokens: sequence.tokens.length,
      computed: sequence.computed,
      slots: sequence.slots,
      pages: [...sequence.pages.view()],
      reserved: [...replaced, ...(reservation?.appended ?? [])],
    };
  };
  return {
    limits: parts.limits,
    pages: { ...blocks.pool.snapshot(), idle: blocks.pool.counts().idle },
    running: scheduler.running.map(describe),
    loading: [...scheduler.loading.keys()].map(describe),
    waiting: scheduler.waiting.all().map(describe),
    transfers: Array.from(blocks.holds(), ({ pages }) => [...pages]),
    cache: Array.from(blocks.cache.nodes(), ({ page, parent, children }) => ({
      page,
      parentPage: parent === null || !parent.live ? null : parent.page,
      children,
    })),
  };
}
